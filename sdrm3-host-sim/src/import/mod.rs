//! Readers of other programs' files: networks, scenarios and platforms in our own formats.
//!
//! An import keeps what our formats can say. What they cannot say is either of no consequence here and
//! noted, so that it can be shown, or an error.

pub mod maestro;
mod model;
pub mod onnx;
pub mod tflite;
pub mod vela;

#[cfg(test)]
mod total;

pub use model::ImportedNetwork;

use serde::Serialize;

use crate::cost::Array;
use crate::network::Network;

/// A scenario of another program.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedScenario {
    /// Its models in our terms; none if the file only describes networks.
    pub models: Vec<ImportedModel>,
    /// The networks that it describes, in the file's order.
    pub networks: Vec<Network>,
    /// What was not mapped, a sentence each.
    pub notes: Vec<String>,
}

/// A model of a scenario, under the keys of our files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportedModel {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Frames per second; none: as its parent.
    pub fps: Option<f64>,
    /// Name of the model on whose frames it runs.
    pub depends_on: Option<String>,
    /// Share of its parent's frames on which it runs.
    pub probability: Option<f64>,
}

/// An accelerator of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedAccelerator {
    /// Its name.
    pub name: String,
    /// Its array.
    pub array: Array,
}

/// The text of a scenario file with these models.
pub fn scenario_toml(name: &str, models: &[ImportedModel]) -> String {
    #[derive(Serialize)]
    struct File<'a> {
        name: &'a str,
        model: &'a [ImportedModel],
    }
    toml_text(&File { name, model: models })
}

/// The text of a platform file with these accelerators at 1 GHz.
pub fn platform_toml(name: &str, accelerators: &[ImportedAccelerator]) -> String {
    #[derive(Serialize)]
    struct File<'a> {
        name: &'a str,
        accelerator: Vec<Accelerator<'a>>,
    }
    #[derive(Serialize)]
    struct Accelerator<'a> {
        name: &'a str,
        kind: String,
        dataflow: String,
        pes: u32,
        noc_bytes_per_cycle: u32,
        clock_mhz: u32,
    }
    let accelerator = accelerators.iter().map(|ImportedAccelerator { name, array }| Accelerator {
        name,
        kind: kind(array),
        dataflow: array.dataflow.to_string(),
        pes: array.pes,
        noc_bytes_per_cycle: array.noc_bytes_per_cycle,
        clock_mhz: 1000,
    });
    toml_text(&File { name, accelerator: accelerator.collect() })
}

/// The text of a scenario file with these models, for its user to complete.
pub fn starter_scenario_toml(name: &str, models: &[ImportedModel]) -> String {
    format!(
        "# A starter: set the frame rates that your system has. A model that runs on the results of another has\n\
         # `depends_on = \"...\"` in place of `fps`, and `probability` if it does so on some frames only. Deadlines\n\
         # (`deadline_ms`) are the periods unless given. All keys: docs/src/files.md.\n{}",
        scenario_toml(name, models)
    )
}

/// The text of a platform file with one accelerator, of the kind that costs were measured on.
pub fn measured_platform_toml(name: &str, kind: &str, clock_mhz: f64) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    format!(
        "# A starter: one accelerator of the kind that the costs are for. Its dataflow, elements and bandwidth count\n\
         # only for networks without costs of their own, and for the time of a switch.\n\
         name = {}\n\n[[accelerator]]\nname = \"npu\"\nkind = {}\ndataflow = \"ws\"\npes = 256\n\
         noc_bytes_per_cycle = 16\nclock_mhz = {clock_mhz:?}\n",
        text(name),
        text(kind)
    )
}

/// The kind of an array, its column in cost tables: `ws-2048`. A bandwidth other than the usual one (16
/// elements to a byte per cycle, but no less than 128) has costs of its own: `ws-2048-256`.
pub fn kind(array: &Array) -> String {
    let Array { dataflow, pes, noc_bytes_per_cycle } = *array;
    if noc_bytes_per_cycle == (pes / 16).max(128) {
        format!("{dataflow}-{pes}")
    } else {
        format!("{dataflow}-{pes}-{noc_bytes_per_cycle}")
    }
}

fn toml_text(file: &impl Serialize) -> String {
    // Tables of texts and finite numbers: cannot fail.
    toml::to_string(file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Dataflow;
    use crate::input::Source;
    use crate::scenario::{Platform, Scenario};

    fn source(text: String) -> Source {
        Source { origin: "written".into(), text }
    }

    #[test]
    fn what_is_written_can_be_loaded_whatever_the_names() {
        let model = |name: &str, depends_on: Option<&str>| ImportedModel {
            name: name.into(),
            network: "a\"b\\c\n[[model]]".into(),
            fps: depends_on.is_none().then_some(7.5),
            depends_on: depends_on.map(Into::into),
            probability: depends_on.map(|_| 0.2),
        };
        let text = scenario_toml("It's \"quoted\"", &[model("eye", None), model("gaze", Some("eye"))]);
        let scenario = Scenario::parse(&source(text)).unwrap();
        assert_eq!(scenario.name, "It's \"quoted\"");
        assert_eq!(scenario.models[1].network, "a\"b\\c\n[[model]]");
        assert_eq!((scenario.models[1].fps, scenario.models[1].parent.unwrap().probability), (7.5, 0.2));
    }

    #[test]
    fn kinds_tell_apart_what_costs_differently() {
        let arrays = [(2048, 128), (2048, 256), (4096, 256), (1024, 128)];
        let accelerators: Vec<_> = arrays
            .iter()
            .map(|&(pes, noc_bytes_per_cycle)| ImportedAccelerator {
                name: format!("{pes} {noc_bytes_per_cycle}"),
                array: Array { dataflow: Dataflow::OutputStationary, pes, noc_bytes_per_cycle },
            })
            .collect();
        let platform = Platform::parse(&source(platform_toml("p", &accelerators))).unwrap();
        let kinds: Vec<&str> = platform.accelerators.iter().map(|a| a.kind.as_str()).collect();
        assert_eq!(kinds, ["os-2048", "os-2048-256", "os-4096", "os-1024"]);
        assert!(platform.accelerators.iter().zip(&accelerators).all(|(a, b)| a.array == b.array));
    }
}
