//! Rust: one `static` per table, with the derived parts computed by the compiler.

use std::fmt::{self, Write};

use sdrm3_core::{
    Accelerator, Branch, Cost, DropBudget, Duration, Model, Placement, Segment, SubNetwork, Workload,
};

use crate::replay::Origin;
use crate::scenario::ACCELERATORS;

/// Tables as source code, and how large they are.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The source code.
    pub code: String,
    /// How many segments there are; networks that several models run count once.
    pub segments: usize,
    /// Bytes of their tables, in flash.
    pub bytes: usize,
}

/// Names that the tables themselves have.
const RESERVED: [&str; 3] = ["ALL_MODELS", "ALL_ACCELERATORS", "WORKLOAD"];

/// A table of segments and the name of its `static`.
type Named<'a> = (String, &'a [Segment<ACCELERATORS>]);

/// The tables of a workload; `origin` says of which scenario and platform. The same workload gives the
/// same code.
pub fn tables(workload: &Workload<'_, ACCELERATORS>, origin: &Origin) -> Tables {
    let accelerators = workload.accelerators.len();
    let mut writer = Writer { accelerators, code: String::new(), tables: Vec::new(), names: Vec::new() };
    // Writing to a string cannot fail.
    let _ = writer.workload(workload);
    let segments = writer.tables.iter().map(|(_, table)| table.len()).sum();
    let bytes = segments
        * (size_of::<Segment<ACCELERATORS>>() - (ACCELERATORS - accelerators) * size_of::<Placement>());
    let head = head(workload, origin, &writer.code, segments, bytes);
    Tables { code: head + &writer.code, segments, bytes }
}

/// The command that writes the tables.
pub(super) fn command_of(origin: &Origin) -> String {
    let name = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".into());
    let (scenario, platform) = (name(&origin.scenario), name(&origin.platform));
    let mut command = format!("sdrm3-sim codegen --scenario {scenario} --platform {platform}");
    if let Some(costs) = &origin.costs {
        command += &format!(" --costs {costs}");
    }
    for networks in &origin.networks {
        command += &format!(" --networks {networks}");
    }
    command
}

/// What stands before the tables.
fn head(
    workload: &Workload<'_, ACCELERATORS>,
    origin: &Origin,
    code: &str,
    segments: usize,
    bytes: usize,
) -> String {
    let name = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".into());
    let (scenario, platform) = (name(&origin.scenario), name(&origin.platform));
    let command = command_of(origin);
    let types = [
        "Accelerator",
        "Branch",
        "Cost",
        "DropBudget",
        "Duration",
        "Model",
        "ModelId",
        "Probability",
        "Segment",
        "SegmentSpec",
        "SubNetwork",
        "Workload",
    ];
    // Written out here, not in the tables.
    let always = ["Cost", "Segment", "SegmentSpec"];
    let used = |name: &&str| {
        always.contains(name) || [":", "<"].iter().any(|end| code.contains(&format!("{name}{end}")))
    };
    let used: Vec<&str> =
        types.iter().filter(|name| used(name) || code.contains(&format!("{name}("))).copied().collect();
    let (models, accelerators) = (workload.models.len(), workload.accelerators.len());
    let checksum = workload.checksum();
    let text = origin.to_text();
    format!(
        "// {scenario} on {platform}: {models} models, {accelerators} accelerators, {segments} segments in {bytes} bytes.\n\
         //\n\
         // Written by `{command}`; do not edit.\n\
         \n\
         #[rustfmt::skip]\n\
         use sdrm3_core::{{{}}};\n\
         \n\
         /// How many accelerators there are.\n\
         pub const ACCELERATORS: usize = {accelerators};\n\
         /// How many models there are.\n\
         pub const MODELS: usize = {models};\n\
         /// Checksum of the tables; a trace of another checksum is not of them.\n\
         pub const CHECKSUM: u64 = 0x{checksum:016x};\n\
         /// Text for the header of a trace, by which `sdrm3-sim replay` finds the tables again.\n\
         pub const ORIGIN: &str = {text:?};\n\
         \n\
         #[allow(long_running_const_eval)]\n\
         const _: () =\n\
         \x20   assert!(WORKLOAD.checksum() == CHECKSUM, \"the tables were edited, or derived by another version\");\n\
         \n\
         /// A segment: nanoseconds and nanojoules on each accelerator (0 ns: it does not run there), and bytes\n\
         /// of activations at its start.\n\
         const fn on(costs: [(u32, u32); ACCELERATORS], activations: u32) -> SegmentSpec<ACCELERATORS> {{\n\
         \x20   let mut all = [Cost::NONE; ACCELERATORS];\n\
         \x20   let mut at = 0;\n\
         \x20   while at < ACCELERATORS {{\n\
         \x20       all[at] = Cost::new(costs[at].0, costs[at].1);\n\
         \x20       at += 1;\n\
         \x20   }}\n\
         \x20   SegmentSpec::new(all).with_activations(activations)\n\
         }}\n",
        used.join(", ")
    )
}

struct Writer<'a> {
    accelerators: usize,
    code: String,
    tables: Vec<Named<'a>>,
    /// Of all statics.
    names: Vec<String>,
}

impl<'a> Writer<'a> {
    fn workload(&mut self, workload: &Workload<'a, ACCELERATORS>) -> fmt::Result {
        for model in workload.models {
            for subnetwork in model.subnetworks {
                self.segments(model, subnetwork)?;
            }
        }
        let networks: Vec<String> =
            workload.models.iter().map(|model| self.subnetworks(model)).collect::<Result<_, _>>()?;
        let count = workload.models.len();
        writeln!(
            self.code,
            "\n#[rustfmt::skip]\nstatic ALL_MODELS: [Model<'static, ACCELERATORS>; {count}] = ["
        )?;
        for (model, networks) in workload.models.iter().zip(networks) {
            writeln!(self.code, "    {},", expression(model, &networks))?;
        }
        writeln!(self.code, "];")?;
        self.accelerators_of(workload.accelerators)?;
        writeln!(
            self.code,
            "\n/// The workload.\n\
             pub static WORKLOAD: Workload<'static, ACCELERATORS> = Workload::new(&ALL_MODELS, &ALL_ACCELERATORS);"
        )
    }

    /// The table of a sub-network, unless it was written for another model.
    fn segments(
        &mut self,
        model: &Model<'_, ACCELERATORS>,
        subnetwork: &SubNetwork<'a, ACCELERATORS>,
    ) -> fmt::Result {
        if self.tables.iter().any(|(_, table)| *table == subnetwork.segments) {
            return Ok(());
        }
        let name = self.name(&format!("{}_{}", model.name, subnetwork.name));
        let segments = subnetwork.segments;
        let count = segments.len();
        writeln!(
            self.code,
            "\n#[rustfmt::skip]\nstatic {name}: [Segment<ACCELERATORS>; {count}] = Segment::table(["
        )?;
        for segment in segments {
            let costs: Vec<String> = segment.placements()[..self.accelerators]
                .iter()
                .map(|on| format!("({}, {})", on.latency_ns, on.energy_nj))
                .collect();
            let info = segment.info();
            write!(self.code, "    on([{}], {})", costs.join(", "), info.activation_bytes)?;
            match info.branch {
                Branch::Next => {}
                Branch::Skip { segments, probability } => {
                    let bits = probability.to_bits();
                    write!(
                        self.code,
                        ".with_branch(Branch::Skip {{ segments: {segments}, probability: Probability::from_bits({bits}) }})"
                    )?;
                }
                Branch::Exit { probability } => {
                    let bits = probability.to_bits();
                    write!(
                        self.code,
                        ".with_branch(Branch::Exit {{ probability: Probability::from_bits({bits}) }})"
                    )?;
                }
            }
            writeln!(self.code, "{},", if info.switch_point { ".with_switch_point()" } else { "" })?;
        }
        self.tables.push((name, segments));
        writeln!(self.code, "]);")
    }

    /// The sub-networks of a model, and the name of their `static`.
    fn subnetworks(&mut self, model: &Model<'_, ACCELERATORS>) -> Result<String, fmt::Error> {
        let name = self.name(&format!("{}_networks", model.name));
        let count = model.subnetworks.len();
        writeln!(
            self.code,
            "\n#[rustfmt::skip]\nstatic {name}: [SubNetwork<'static, ACCELERATORS>; {count}] = ["
        )?;
        for subnetwork in model.subnetworks {
            let table = self.tables.iter().find(|(_, table)| *table == subnetwork.segments);
            let table = table.map_or("", |(name, _)| name);
            write!(self.code, "    SubNetwork::new({:?}, &{table})", subnetwork.name)?;
            let parts = [
                ("accuracy", subnetwork.accuracy_milli_percent),
                ("shared_prefix", u32::from(subnetwork.shared_prefix)),
                ("weights", subnetwork.weight_bytes),
            ];
            for (part, value) in parts.into_iter().filter(|(_, value)| *value != 0) {
                write!(self.code, ".with_{part}({value})")?;
            }
            writeln!(self.code, ",")?;
        }
        writeln!(self.code, "];")?;
        Ok(name)
    }

    fn accelerators_of(&mut self, accelerators: &[Accelerator<'_>]) -> fmt::Result {
        let mut names = Vec::new();
        for accelerator in accelerators {
            let table = accelerator.switch_table;
            if table.is_empty() {
                names.push(None);
                continue;
            }
            let name = self.name(&format!("{}_switches", accelerator.name));
            let count = table.len();
            writeln!(self.code, "\n#[rustfmt::skip]\nstatic {name}: [Cost; {count}] = [")?;
            for entry in table {
                writeln!(self.code, "    {},", cost(*entry))?;
            }
            writeln!(self.code, "];")?;
            names.push(Some(name));
        }
        writeln!(
            self.code,
            "\n#[rustfmt::skip]\nstatic ALL_ACCELERATORS: [Accelerator<'static>; {}] = [",
            accelerators.len()
        )?;
        for (accelerator, name) in accelerators.iter().zip(names) {
            write!(self.code, "    Accelerator::new({:?})", accelerator.name)?;
            let (fixed, per_kib) = (accelerator.switch_fixed, accelerator.switch_per_kib);
            if (fixed, per_kib) != (Cost::NONE, Cost::NONE) {
                write!(self.code, ".with_switch({}, {})", cost(fixed), cost(per_kib))?;
            }
            if let Some(name) = name {
                write!(self.code, ".with_switch_table(&{name})")?;
            }
            writeln!(self.code, ",")?;
        }
        writeln!(self.code, "];")
    }

    /// A name for a `static`, no other's.
    fn name(&mut self, of: &str) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let mut plain: String = of.chars().map(allowed).collect();
        if plain.starts_with(|c: char| c.is_ascii_digit()) {
            plain.insert_str(0, "N_");
        }
        let taken = |name: &String| self.names.contains(name) || RESERVED.contains(&name.as_str());
        let numbered = (1..).map(|n| if n == 1 { plain.clone() } else { format!("{plain}_{n}") });
        let name = numbered.take(usize::MAX).find(|name| !taken(name)).unwrap_or_default();
        self.names.push(name.clone());
        name
    }
}

fn cost(cost: Cost) -> String {
    match cost {
        Cost::NONE => "Cost::NONE".into(),
        Cost { latency_ns, energy_nj } => format!("Cost::new({latency_ns}, {energy_nj})"),
    }
}

fn span(span: Duration) -> String {
    format!("Duration::from_nanos({})", span.as_nanos())
}

fn expression(model: &Model<'_, ACCELERATORS>, networks: &str) -> String {
    let mut code = format!("Model::new({:?}, {}, &{networks})", model.name, span(model.period));
    if let Some(cascade) = model.cascade {
        let (parent, bits) = (cascade.parent.0, cascade.probability.to_bits());
        code += &format!(".after(ModelId({parent}), Probability::from_bits({bits}))");
    }
    match model.deadline {
        Some(deadline) if model.cascade.is_some() || deadline != model.period => {
            code += &format!(".with_deadline({})", span(deadline));
        }
        _ => {}
    }
    if model.weight_percent != 100 {
        code += &format!(".with_weight({})", model.weight_percent);
    }
    if model.drop_budget != DropBudget::PUBLISHED {
        let (lost, of) = (model.drop_budget.lost(), model.drop_budget.of());
        code += &format!(".with_drop_budget(DropBudget::new({lost}, {of}).unwrap())");
    }
    if model.accuracy_floor != 0 {
        code += &format!(".with_accuracy_floor({})", model.accuracy_floor);
    }
    if model.latest_wins {
        code += ".with_latest_wins()";
    }
    code
}
