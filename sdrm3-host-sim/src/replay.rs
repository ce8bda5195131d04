//! Traces of runs: what is written beside the calls, so that a trace is replayed without being told how.

use sdrm3_core::Workload;
use sdrm3_hal::trace::{Header, Output, Recorder};

use crate::engine::JOBS;
use crate::input::{InputError, unknown_name};
use crate::policy::Method;
use crate::scenario::ACCELERATORS;

/// What a run was made of, by name or path: the text of a trace's header, a line `key=value` each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The scenario.
    pub scenario: Option<String>,
    /// The platform.
    pub platform: Option<String>,
    /// The policy.
    pub policy: Option<String>,
    /// Parts of the policy that were switched off.
    pub without: Vec<String>,
    /// Its parameters, `name=value` each.
    pub param: Vec<String>,
    /// The table of measured costs, if there was one.
    pub costs: Option<String>,
    /// The layer tables.
    pub networks: Vec<String>,
    /// The rest of the command, for people.
    pub note: Option<String>,
}

const KEYS: [&str; 8] = ["scenario", "platform", "policy", "without", "param", "costs", "networks", "note"];

impl Origin {
    /// As it stands in a trace.
    pub fn to_text(&self) -> String {
        let Self { scenario, platform, policy, without, param, costs, networks, note } = self;
        let single = [scenario, platform, policy, costs, note];
        let keys = ["scenario", "platform", "policy", "costs", "note"];
        let lines = keys.into_iter().zip(single).filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let several = [("without", without), ("param", param), ("networks", networks)];
        let several =
            several.into_iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        let lines = lines.chain(several);
        lines.map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    /// From a trace; `name` is for errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let mut origin = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once('=').ok_or_else(|| {
                let what = format!("the text of the trace has a line `{line}`");
                InputError::new(name, what, "lines are `key=value`; record it again")
            })?;
            let value = value.to_string();
            match key {
                "scenario" => origin.scenario = Some(value),
                "platform" => origin.platform = Some(value),
                "policy" => origin.policy = Some(value),
                "without" => origin.without.push(value),
                "param" => origin.param.push(value),
                "costs" => origin.costs = Some(value),
                "networks" => origin.networks.push(value),
                "note" => origin.note = Some(value),
                other => return Err(unknown_name(name, "key", other, &KEYS)),
            }
        }
        Ok(origin)
    }
}

/// A recorder for a run of this workload under this method.
pub fn recorder<O: Output>(
    workload: &Workload<'_, ACCELERATORS>,
    method: &Method,
    origin: &Origin,
    output: O,
) -> Recorder<O, 4096> {
    let text = origin.to_text();
    let weights = method.has_weights().then_some(method.parameters.weights);
    let header = Header::new(workload, JOBS, method.config(), weights).with_text(&text);
    Recorder::new(&header, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_survives_writing_and_a_strange_key_is_named() {
        let origin = Origin {
            scenario: Some("a=b.toml".into()),
            policy: Some("edf".into()),
            without: vec!["gate".into()],
            param: vec!["comfort=1.5".into()],
            networks: vec!["x.csv".into(), "y.csv".into()],
            ..Origin::default()
        };
        assert_eq!(Origin::parse("t", &origin.to_text()), Ok(origin));
        let error = Origin::parse("a.trace", "scenaro=vr_gaming\n").unwrap_err().to_string();
        assert_eq!(error, "a.trace: unknown key `scenaro`; did you mean `scenario`?");
    }
}
