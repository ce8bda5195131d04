//! A policy with the parts that it goes without or is lent, and its parameters: what is run and reported.

use sdrm3_core::Config;

use super::{Parameters, PolicyName};
use crate::input::{InputError, unknown_name};

/// Makes [`Part`] of a table: variant, name, what it is in a line, and what is on or off in the core with it or without
/// (nothing, if it is a rule of the policy itself).
macro_rules! parts {
    ($($variant:ident $name:literal $summary:literal |$config:pat_param, $on:pat_param| $switch:expr;)*) => {
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

            fn switch(self, config: &mut Config, on: bool) {
                match self {
                    $(Self::$variant => {
                        let ($config, $on) = (config, on);
                        $switch;
                    })*
                }
            }
        }
    };
}

parts! {
    Drop "drop" "Smart frame drop." |config, on| config.frame_drop = on;
    Supernet "supernet" "Supernet switching." |config, on| config.supernet = on;
    Tuner "tuner" "Online tuning." |config, _| config.tuning_window = None;
    Correction "correction" "Online latency correction." |config, on| config.correction = on;
    Gate "gate" "Lost frames hurry no more." |_, _| {};
    Abandon "abandon" "Lost frames are given up." |_, _| {};
    Wait "wait" "Frames wait for a busy accelerator that is better." |_, _| {};
    Hold "hold" "Frames that would be late are held back." |_, _| {};
    Comfort "comfort" "Frames with slack go where they take least energy." |_, _| {};
    Reserve "reserve" "Frames leave time for what may block them." |_, _| {};
    Haste "haste" "Slack is not spent any more when a frame was lost." |_, _| {};
    Tail "tail" "Frames leave time for what follows them by the same deadline." |_, _| {};
    Sufferage "sufferage" "What has no good second place goes first." |_, _| {};
    Persistence "persistence" "What has started and cannot afford to be passed by goes on." |_, _| {};
    Sacrifice "sacrifice" "Models that only lose frames come last." |_, _| {};
    Order "order" "Of the frames with slack that of least work is first." |_, _| {};
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

    /// Those that a policy lacks and can be lent, since they are the scheduler's: what they do does not depend on how a
    /// policy decides. The tuner needs weights that it can tune.
    pub fn lent_to(policy: PolicyName) -> impl Iterator<Item = Self> {
        let lent = [Self::Drop, Self::Supernet, Self::Correction];
        lent.into_iter().filter(move |part| !Self::of(policy).contains(part))
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
/// And before one that it is lent.
const WITH: &str = "-with-";

/// A policy, the parts that it goes without or is lent, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The policy.
    pub policy: PolicyName,
    /// Parts of it that are switched off.
    pub without: Vec<Part>,
    /// Parts of the scheduler that it lacks, but are switched on.
    pub lent: Vec<Part>,
    /// Parameters of the policy.
    pub parameters: Parameters,
}

impl Method {
    /// The policy as it is, without those parts if it has them.
    pub fn new(policy: PolicyName, without: &[Part], parameters: Parameters) -> Self {
        // In one order, each once: so what is the same has the same label.
        let without = Part::of(policy).iter().filter(|part| without.contains(part)).copied().collect();
        Self { policy, without, lent: Vec::new(), parameters }
    }

    /// The same without one more of its parts.
    #[must_use]
    pub fn but_without(&self, part: Part) -> Self {
        let without = [self.without.as_slice(), &[part]].concat();
        Self { lent: self.lent.clone(), ..Self::new(self.policy, &without, self.parameters) }
    }

    /// The one of that [label](Self::label): a policy, or `POLICY-no-PART`, `POLICY-with-PART` and so on; also without
    /// those parts that go anyway.
    pub fn find(label: &str, without: &[Part], parameters: Parameters) -> Result<Self, InputError> {
        let (name, mut marked) = cut(label);
        let policy = PolicyName::find(name)?;
        let (mut all, mut lent) = (without.to_vec(), Vec::new());
        while let Some((mark, rest)) = marked {
            let (name, behind) = cut(rest);
            if mark == SANS {
                all.push(part_of(policy, name, label)?);
            } else {
                lent.push(lent_to(policy, name)?);
            }
            marked = behind;
        }
        let lent = Part::lent_to(policy).filter(|part| lent.contains(part)).collect();
        Ok(Self { lent, ..Self::new(policy, &all, parameters) })
    }

    /// Its name in reports: the policy's, what it goes without, and what it is lent.
    pub fn label(&self) -> String {
        let without = self.without.iter().map(|part| (SANS, part));
        let parts = without.chain(self.lent.iter().map(|part| (WITH, part)));
        parts.fold(self.policy.name().to_string(), |label, (mark, part)| label + mark + part.name())
    }

    /// Which parts of the core are on.
    pub fn config(&self) -> Config {
        let mut config = match self.policy {
            PolicyName::Gated => Config { supernet: true, correction: true, ..Config::PLAIN },
            PolicyName::Sdrm3 => Config { tuning_window: Some(self.parameters.window), ..Config::FULL },
            _ => Config::PLAIN,
        };
        self.without.iter().for_each(|part| part.switch(&mut config, false));
        self.lent.iter().for_each(|part| part.switch(&mut config, true));
        config
    }

    /// Whether it has the weights alpha and beta.
    pub fn has_weights(&self) -> bool {
        matches!(self.policy, PolicyName::MapScore | PolicyName::Sdrm3)
    }
}

/// What stands before the first mark of a label, the mark, and what is behind it.
fn cut(label: &str) -> (&str, Option<(&'static str, &str)>) {
    let first = [SANS, WITH].into_iter().filter_map(|mark| Some((label.find(mark)?, mark))).min();
    match first {
        Some((at, mark)) => (&label[..at], Some((mark, &label[at + mark.len()..]))),
        None => (label, None),
    }
}

/// The part of that name to go without.
fn part_of(policy: PolicyName, name: &str, label: &str) -> Result<Part, InputError> {
    let known: Vec<&str> = Part::of(policy).iter().map(|part| part.name()).collect();
    let part = Part::of(policy).iter().find(|part| part.name() == name);
    part.copied().ok_or_else(|| match known.is_empty() {
        true => {
            let policy = policy.name();
            let what = format!("unknown policy `{label}`: {policy} has no parts to go without");
            InputError::new("--policy", what, format!("name it `{policy}`"))
        }
        false => unknown_name("--policy", &format!("part of {}", policy.name()), name, &known),
    })
}

/// The part of that name to be lent.
fn lent_to(policy: PolicyName, name: &str) -> Result<Part, InputError> {
    if Part::of(policy).iter().any(|part| part.name() == name) {
        let what = format!("{} has `{name}` anyway", policy.name());
        return Err(InputError::new("--policy", what, format!("leave `{WITH}{name}` out")));
    }
    let known: Vec<&str> = Part::lent_to(policy).map(Part::name).collect();
    let part = Part::lent_to(policy).find(|part| part.name() == name);
    part.ok_or_else(|| match known.is_empty() {
        true => {
            let what = format!("there is nothing that {} lacks", policy.name());
            InputError::new("--policy", what, format!("leave `{WITH}{name}` out"))
        }
        false => unknown_name("--policy", &format!("part to lend to {}", policy.name()), name, &known),
    })
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

    /// What is the scheduler's any policy can have.
    #[test]
    fn a_part_that_is_lent_is_switched_on_and_named() {
        let find = |label: &str| Method::find(label, &[], Parameters::default());
        let method = find("lst-with-correction-with-supernet").unwrap();
        assert_eq!(method.label(), "lst-with-supernet-with-correction", "in one order");
        assert_eq!(method.config(), Config { supernet: true, correction: true, ..Config::PLAIN });
        for policy in PolicyName::ALL {
            let label =
                Part::lent_to(policy).fold(policy.name().to_string(), |l, part| l + WITH + part.name());
            assert_eq!(find(&label).unwrap().label(), label);
        }
        let gated = find("sdrm3-gated-no-gate-with-drop-no-haste").unwrap();
        assert_eq!(gated.label(), "sdrm3-gated-no-gate-no-haste-with-drop");
        assert_eq!(gated.but_without(Part::Wait).label(), "sdrm3-gated-no-gate-no-wait-no-haste-with-drop");
        for (label, says) in [
            ("sdrm3-with-drop", "--policy: sdrm3 has `drop` anyway; leave `-with-drop` out"),
            ("sdrm3-with-drp", "--policy: there is nothing that sdrm3 lacks; leave `-with-drp` out"),
            (
                "lst-with-supernets",
                "--policy: unknown part to lend to lst `supernets`; did you mean `supernet`?",
            ),
            (
                "lst-with-tuner",
                "--policy: unknown part to lend to lst `tuner`; known are: drop, supernet, correction",
            ),
        ] {
            let error = find(label).unwrap_err().to_string();
            assert!(error.starts_with(says), "{label}: {error}");
        }
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
