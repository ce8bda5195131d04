//! `list`: what is built in, and the networks of layer tables.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::input::{InputError, unknown_name};
use crate::network::{Branch, Library, Network};
use crate::policy::PolicyName;
use crate::report::table;
use crate::scenario::{Platform, Scenario};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim list
  sdrm3-sim list policies
  sdrm3-sim list --network fbnet_c
  sdrm3-sim list networks --networks mine.csv";

/// Options of `list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// What to list [default: everything, in short]
    what: Option<What>,
    /// One network: its layers
    #[arg(long, value_name = "NAME", conflicts_with = "what")]
    network: Option<String>,
    /// Layer table of networks beside the built-in ones; repeat for several
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Scenarios,
    Platforms,
    Policies,
    Networks,
}

/// Lists, to `text`.
pub(super) fn list(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    if options.what.is_some_and(|what| what != What::Networks) && !options.networks.is_empty() {
        let what = "what is listed has no networks";
        return Err(InputError::new("--networks", what, "leave it out, or list networks").into());
    }
    let library = Library::load(options.networks.iter().map(String::as_str))?;
    if let Some(name) = &options.network {
        let unknown = || unknown_name("--network", "network", name, &library.names());
        return layers(library.find(name).ok_or_else(unknown)?, text);
    }
    let wanted = |what| options.what.is_none_or(|only| only == what);
    if wanted(What::Scenarios) {
        scenarios(text)?;
    }
    if wanted(What::Platforms) {
        platforms(text)?;
    }
    if wanted(What::Policies) {
        let rows = PolicyName::ALL.map(|policy| vec![policy.name().into(), policy.summary().into()]);
        writeln!(text, "{}\n", table(&["policy", "runs first"], rows))?;
    }
    if wanted(What::Networks) {
        networks(&library, text)?;
    }
    Ok(())
}

fn scenarios(text: &mut impl Write) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for name in Scenario::built_in() {
        let scenario = Scenario::load(name)?;
        for model in &scenario.models {
            let runs = match model.parent {
                None => format!("{} fps", model.fps),
                Some(parent) => {
                    format!(
                        "{} fps, on {} x {}",
                        model.fps, scenario.models[parent.index].name, parent.probability
                    )
                }
            };
            rows.push(vec![name.into(), model.name.clone(), model.network.clone(), runs]);
        }
    }
    writeln!(text, "{}\n", table(&["scenario", "model", "network", "runs"], rows))?;
    Ok(())
}

fn platforms(text: &mut impl Write) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for name in Platform::built_in() {
        let platform = Platform::load(name)?;
        let arrays = platform.accelerators.iter().map(|a| format!("{} {}", a.array.dataflow, a.array.pes));
        rows.push(vec![name.into(), arrays.collect::<Vec<_>>().join(", ")]);
    }
    writeln!(text, "{}\n", table(&["platform", "arrays (dataflow, processing elements)"], rows))?;
    Ok(())
}

fn networks(library: &Library, text: &mut impl Write) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for network in library.networks() {
        for sub in &network.subnetworks {
            rows.push(vec![
                network.name.to_string(),
                sub.name.to_string(),
                sub.layers.len().to_string(),
                format!("{:.1}", sub.macs() as f64 / 1e6),
                format!("{:.1}", sub.expected_macs() / 1e6),
                format!("{:.2}", (sub.params() + network.lookup_params) as f64 / 1e6),
                sub.accuracy.map_or_else(String::new, |percent| format!("{percent:.1}")),
            ]);
        }
    }
    let header =
        ["network", "sub-network", "layers", "M MACs", "M MACs expected", "M parameters", "accuracy %"];
    writeln!(text, "{}", table(&header, rows))?;
    Ok(())
}

fn layers(network: &Network, text: &mut impl Write) -> Result<(), Failure> {
    writeln!(text, "{} ({})\n{}\n", network.title, network.name, network.source)?;
    for sub in &network.subnetworks {
        let rows = sub.layers.iter().map(|layer| {
            let window = format!("{}x{}", layer.r, layer.s);
            vec![
                layer.name.clone(),
                layer.op.name().into(),
                layer.c.to_string(),
                layer.k.to_string(),
                format!("{}x{}", layer.out_y, layer.out_x),
                window,
                layer.stride.to_string(),
                format!("{:.3}", layer.macs() as f64 / 1e6),
                format!("{:.1}", layer.params() as f64 / 1e3),
                Some(layer.branch).filter(|&b| b != Branch::Next).map_or_else(String::new, |b| b.to_string()),
            ]
        });
        let header =
            ["layer", "op", "in", "out", "output", "window", "stride", "M MACs", "k parameters", "branch"];
        let shares = match sub.shared_prefix {
            0 => String::new(),
            layers => format!(", the first {layers} layers shared with the one before"),
        };
        writeln!(text, "{}{shares}\n{}\n", sub.name, table(&header, rows))?;
    }
    Ok(())
}
