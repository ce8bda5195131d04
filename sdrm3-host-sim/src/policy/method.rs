//! A policy with the parts that it goes without, and its parameters: what is run and reported.

use sdrm3_core::Config;

use super::{Parameters, PolicyName};
use crate::input::{InputError, unknown_name};

/// Makes [`Part`] of a table: variant, name, what it is in a line, and what is off in the core without it (nothing, if
/// it is a rule of the policy itself).
macro_rules! parts {
    ($($variant:ident $name:literal $summary:literal |$config:pat_param| $off:expr;)*) => {
        /// A part of a method that can be left out: of the published one beyond its score, and of the gated policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Part {
            $(#[doc = $summary] $variant,)*
        }

        impl Part {
            /// All, in the order of reports.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name on the command line and in reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn switch_off(self, config: &mut Config) {
                match self {
                    $(Self::$variant => {
                        let $config = config;
                        $off;
                    })*
                }
            }
        }
    };
}

parts! {
    Drop "drop" "Smart frame drop." |config| config.frame_drop = false;
    Supernet "supernet" "Supernet switching." |config| config.supernet = false;
    Tuner "tuner" "Online tuning." |config| config.tuning_window = None;
    Correction "correction" "Online latency correction." |config| config.correction = false;
    Gate "gate" "Lost frames hurry no more." |_| {};
    Abandon "abandon" "Lost frames are given up." |_| {};
    Wait "wait" "Frames wait for a busy accelerator that is better." |_| {};
    Hold "hold" "Frames that would be late are held back." |_| {};
    Comfort "comfort" "Frames with slack go where they take least energy." |_| {};
    Reserve "reserve" "Frames leave time for what may block them." |_| {};
    Haste "haste" "Slack is not spent any more when a frame was lost." |_| {};
    Tail "tail" "Frames leave time for what follows them by the same deadline." |_| {};
    Sufferage "sufferage" "What has no good second place goes first." |_| {};
    Persistence "persistence" "What has started and cannot afford to be passed by goes on." |_| {};
    Sacrifice "sacrifice" "Models that only lose frames come last." |_| {};
    Order "order" "Of the frames with slack that of least work is first." |_| {};
}

impl Part {
    /// Those that a policy has.
    pub fn of(policy: PolicyName) -> &'static [Self] {
        match policy {
            PolicyName::Sdrm3 => &[Self::Drop, Self::Supernet, Self::Tuner, Self::Correction],
            PolicyName::Gated => &[
                Self::Gate,
                Self::Abandon,
                Self::Wait,
                Self::Hold,
                Self::Comfort,
                Self::Reserve,
                Self::Haste,
                Self::Tail,
                Self::Sufferage,
                Self::Persistence,
                Self::Sacrifice,
                Self::Order,
                Self::Supernet,
                Self::Correction,
            ],
            _ => &[],
        }
    }

    /// The help on the option that switches parts off.
    pub(crate) fn help() -> String {
        let of = |policy: PolicyName| {
            let names: Vec<&str> = Self::of(policy).iter().map(|part| part.name()).collect();
            (!names.is_empty()).then(|| format!("of {} {}", policy.name(), names.join(", ")))
        };
        let parts: Vec<String> = PolicyName::ALL.into_iter().filter_map(of).collect();
        format!("Parts to switch off: {}", parts.join("; "))
    }

    /// The part of that name.
    pub fn find(name: &str) -> Result<Self, InputError> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| unknown_name("--without", "part", name, &names))
    }
}

/// In labels, what stands before a part that a policy goes without.
const SANS: &str = "-no-";

/// A policy, the parts that it goes without, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The policy.
    pub policy: PolicyName,
    /// Parts of it that are switched off.
    pub without: Vec<Part>,
    /// Parameters of the policy.
    pub parameters: Parameters,
}

impl Method {
    /// The policy as it is, without those parts if it has them.
    pub fn new(policy: PolicyName, without: &[Part], parameters: Parameters) -> Self {
        // In one order, each once: so what is the same has the same label.
        let without = Part::of(policy).iter().filter(|part| without.contains(part)).copied().collect();
        Self { policy, without, parameters }
    }

    /// The one of that [label](Self::label): a policy, or `POLICY-no-PART` and so on; also without those parts that
    /// go anyway.
    pub fn find(label: &str, without: &[Part], parameters: Parameters) -> Result<Self, InputError> {
        let mut names = label.split(SANS);
        let policy = PolicyName::find(names.next().unwrap_or_default())?;
        let mut all = without.to_vec();
        for name in names {
            let known: Vec<&str> = Part::of(policy).iter().map(|part| part.name()).collect();
            let part = Part::of(policy).iter().find(|part| part.name() == name);
            all.push(*part.ok_or_else(|| match known.is_empty() {
                true => {
                    let policy = policy.name();
                    let what = format!("unknown policy `{label}`: {policy} has no parts to go without");
                    InputError::new("--policy", what, format!("name it `{policy}`"))
                }
                false => unknown_name("--policy", &format!("part of {}", policy.name()), name, &known),
            })?);
        }
        Ok(Self::new(policy, &all, parameters))
    }

    /// Its name in reports: the policy's, and what it goes without.
    pub fn label(&self) -> String {
        self.without
            .iter()
            .fold(self.policy.name().to_string(), |label, part| format!("{label}{SANS}{}", part.name()))
    }

    /// Which parts of the core are on.
    pub fn config(&self) -> Config {
        let mut config = match self.policy {
            PolicyName::Gated => Config { supernet: true, correction: true, ..Config::PLAIN },
            PolicyName::Sdrm3 => Config { tuning_window: Some(self.parameters.window), ..Config::FULL },
            _ => Config::PLAIN,
        };
        self.without.iter().for_each(|part| part.switch_off(&mut config));
        config
    }

    /// Whether it has the weights alpha and beta.
    pub fn has_weights(&self) -> bool {
        matches!(self.policy, PolicyName::MapScore | PolicyName::Sdrm3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_name_and_is_one_of_some_policy() {
        for part in Part::ALL {
            assert_eq!(Part::find(part.name()), Ok(part));
            assert!(PolicyName::ALL.iter().any(|policy| Part::of(*policy).contains(&part)), "{part:?}");
        }
    }

    #[test]
    fn a_part_that_is_left_out_is_switched_off_and_named() {
        let method = Method::new(PolicyName::Sdrm3, &[Part::Drop, Part::Tuner], Parameters::default());
        assert_eq!(method.label(), "sdrm3-no-drop-no-tuner");
        let Config { frame_drop, supernet, correction, tuning_window, .. } = method.config();
        assert_eq!((frame_drop, supernet, correction, tuning_window), (false, true, true, None));
        assert_eq!(Method::new(PolicyName::Fcfs, &Part::ALL, Parameters::default()).label(), "fcfs");
    }

    #[test]
    fn a_method_is_found_by_its_label() {
        let find = |label: &str, without: &[Part]| Method::find(label, without, Parameters::default());
        for policy in PolicyName::ALL {
            for part in Part::of(policy) {
                let method = Method::new(policy, &[*part], Parameters::default());
                assert_eq!(find(&method.label(), &[]), Ok(method));
            }
        }
        let label = |label: &str, without: &[Part]| find(label, without).unwrap().label();
        assert_eq!(label("sdrm3-no-tuner-no-drop-no-tuner", &[]), "sdrm3-no-drop-no-tuner", "in one order");
        assert_eq!(label("sdrm3-gated-no-gate", &[Part::Drop, Part::Wait]), "sdrm3-gated-no-gate-no-wait");
        for (label, says) in [
            ("sdrm-no-drop", "--policy: unknown policy `sdrm`; did you mean `sdrm3`?"),
            ("sdrm3-no-drp", "--policy: unknown part of sdrm3 `drp`; did you mean `drop`?"),
            (
                "sdrm3-gated-no-tuner",
                "--policy: unknown part of sdrm3-gated `tuner`; known are: gate, abandon",
            ),
            ("sdrm3-no-", "--policy: unknown part of sdrm3 ``"),
            (
                "fcfs-no-drop",
                "--policy: unknown policy `fcfs-no-drop`: fcfs has no parts to go without; name it `fcfs`",
            ),
        ] {
            let error = find(label, &[]).unwrap_err().to_string();
            assert!(error.starts_with(says), "{label}: {error}");
        }
    }
}
