//! C, for the C library: a source with one `const` table per network, and a header that names the workload.

use std::fmt::{self, Write};

use sdrm3_core::{Accelerator, Branch, Cost, DropBudget, Model, SubNetwork, Workload};

use super::rust::command_of;
use crate::replay::Origin;
use crate::scenario::ACCELERATORS;

/// Tables as source code, and how large they are.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The header.
    pub header: String,
    /// The source.
    pub source: String,
    /// How many segments there are; networks that several models run count once.
    pub segments: usize,
    /// Bytes of their tables, in flash.
    pub bytes: usize,
}

/// Bytes of a `sdrm3_cost_t` and of a `sdrm3_segment_t`, on every machine.
const COST_BYTES: usize = 8;
const SEGMENT_BYTES: usize = 12;

/// The tables of a workload; `origin` says of which scenario and platform, `name` is that of the files, without
/// their endings. The same workload gives the same code.
pub fn tables(workload: &Workload<'_, ACCELERATORS>, origin: &Origin, name: &str) -> Tables {
    let prefix = identifier(name);
    let mut writer = Writer { workload, prefix: &prefix, code: String::new(), tables: Vec::new() };
    // Writing to a string cannot fail.
    let _ = writer.workload();
    let segments = writer.tables.iter().map(|table| table.segments.len()).sum();
    let bytes = segments * (workload.accelerators.len() * COST_BYTES + SEGMENT_BYTES);
    let title = title(workload, origin, segments, bytes);
    let source = format!("{title}\n#include \"{name}.h\"\n{}", writer.code);
    Tables { header: header(workload, origin, &prefix, &title), source, segments, bytes }
}

/// What both files begin with.
fn title(workload: &Workload<'_, ACCELERATORS>, origin: &Origin, segments: usize, bytes: usize) -> String {
    let name = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".into());
    let (models, accelerators) = (workload.models.len(), workload.accelerators.len());
    format!(
        "// {} on {}: {models} models, {accelerators} accelerators, {segments} segments in {bytes} bytes.\n\
         //\n\
         // Written by `{} --language c`; do not edit.\n",
        name(&origin.scenario),
        name(&origin.platform),
        command_of(origin),
    )
}

fn header(workload: &Workload<'_, ACCELERATORS>, origin: &Origin, prefix: &str, title: &str) -> String {
    let upper = prefix.to_ascii_uppercase();
    let subnetworks = || workload.models.iter().flat_map(|model| model.subnetworks);
    let segments: usize = subnetworks().map(|subnetwork| subnetwork.segments.len()).sum();
    let (models, accelerators) = (workload.models.len(), workload.accelerators.len());
    let (size, word) = match models <= 8 && accelerators <= 4 {
        true => ("SMALL", "small"),
        false => ("LARGE", "large"),
    };
    let count = subnetworks().count();
    let list = |kind: &str, names: Vec<&str>| {
        let mut taken = Vec::new();
        let line = |(index, name): (usize, &str)| {
            format!(
                "    {upper}_{kind}_{} = {index},\n",
                unique(&mut taken, &identifier(name)).to_ascii_uppercase()
            )
        };
        names.into_iter().enumerate().map(line).collect::<String>()
    };
    let model_list = list("MODEL", workload.models.iter().map(|model| model.name).collect());
    let accelerator_list = list("ON", workload.accelerators.iter().map(|on| on.name).collect());
    let (checksum, text) = (workload.checksum(), literal(&origin.to_text()));
    format!(
        "{title}\n\
         #ifndef {upper}_H\n\
         #define {upper}_H\n\n\
         #include \"sdrm3.h\"\n\n\
         /// The models, by index.\n\
         enum {{\n{model_list}    {upper}_MODELS = {models}\n}};\n\n\
         /// The accelerators, by index.\n\
         enum {{\n{accelerator_list}    {upper}_ACCELERATORS = {accelerators}\n}};\n\n\
         /// Bytes of storage for `sdrm3_init_{word}`: `static SDRM3_STORAGE(storage, {upper}_STORAGE_BYTES);`\n\
         #define {upper}_STORAGE_BYTES SDRM3_{size}_SIZE({count}, {segments})\n\n\
         /// Checksum of the tables and of what the scheduler derives from them; a trace of another checksum is\n\
         /// not of them.\n\
         #define {upper}_CHECKSUM UINT64_C(0x{checksum:016x})\n\n\
         /// Text for the header of a trace, by which `sdrm3-sim replay` finds the tables again.\n\
         #define {upper}_ORIGIN {text}\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /// The workload.\n\
         extern const sdrm3_workload_t {prefix}_workload;\n\n\
         #ifdef __cplusplus\n}}\n#endif\n\n\
         #endif\n"
    )
}

/// A table of segments under a name.
struct Named<'a> {
    name: String,
    segments: &'a [sdrm3_core::Segment<ACCELERATORS>],
}

struct Writer<'a, 'w> {
    workload: &'w Workload<'a, ACCELERATORS>,
    prefix: &'w str,
    code: String,
    tables: Vec<Named<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn workload(&mut self) -> fmt::Result {
        let (models, accelerators) = (self.workload.models, self.workload.accelerators);
        for (index, model) in models.iter().enumerate() {
            let names = (model.subnetworks.iter().enumerate())
                .map(|(sub, subnetwork)| self.segments(index, sub, model, subnetwork))
                .collect::<Result<Vec<_>, _>>()?;
            self.subnetworks(index, model, &names)?;
        }
        self.models(models)?;
        for (index, accelerator) in
            accelerators.iter().enumerate().filter(|(_, on)| !on.switch_table.is_empty())
        {
            writeln!(self.code, "\nstatic const sdrm3_cost_t switches_{index}[] = {{")?;
            for entry in accelerator.switch_table {
                writeln!(self.code, "    {},", cost(*entry))?;
            }
            writeln!(self.code, "}};")?;
        }
        writeln!(self.code, "\nstatic const sdrm3_accelerator_t accelerators[] = {{")?;
        for (index, accelerator) in accelerators.iter().enumerate() {
            writeln!(self.code, "    {},", row_of_accelerator(index, accelerator))?;
        }
        writeln!(
            self.code,
            "}};\n\n\
             const sdrm3_workload_t {}_workload = {{\n    \
             .models = models, .accelerators = accelerators, .model_count = {}, .accelerator_count = {},\n\
             }};",
            self.prefix,
            models.len(),
            accelerators.len()
        )
    }

    /// The tables of a sub-network, unless they were written for another model; their name.
    fn segments(
        &mut self,
        model_index: usize,
        index: usize,
        model: &Model<'_, ACCELERATORS>,
        subnetwork: &SubNetwork<'a, ACCELERATORS>,
    ) -> Result<String, fmt::Error> {
        if let Some(table) = self.tables.iter().find(|table| table.segments == subnetwork.segments) {
            return Ok(table.name.clone());
        }
        let name = format!("network_{model_index}_{index}");
        let (count, width) = (subnetwork.segments.len(), self.workload.accelerators.len());
        let what = comment(&format!("{} {}", model.name, subnetwork.name));
        writeln!(
            self.code,
            "\n// {what}: nanoseconds and nanojoules of each segment on each accelerator (0 ns: it does not run there).\n\
             static const sdrm3_cost_t {name}[{count}][{width}] = {{"
        )?;
        for segment in subnetwork.segments {
            let on = segment.placements().iter().take(width);
            let costs: Vec<String> =
                on.map(|on| format!("{{{}, {}}}", on.latency_ns, on.energy_nj)).collect();
            writeln!(self.code, "    {{{}}},", costs.join(", "))?;
        }
        writeln!(
            self.code,
            "}};\n\n// Bytes of activations, probability, segments to skip, branch, switch point.\n\
             static const sdrm3_segment_t {name}_segments[{count}] = {{"
        )?;
        for segment in subnetwork.segments {
            let info = segment.info();
            let (probability, skip, branch) = match info.branch {
                Branch::Next => (0, 0, "SDRM3_BRANCH_NEXT"),
                Branch::Skip { segments, probability } => {
                    (probability.to_bits(), segments, "SDRM3_BRANCH_SKIP")
                }
                Branch::Exit { probability } => (probability.to_bits(), 0, "SDRM3_BRANCH_EXIT"),
            };
            let (bytes, switch) = (info.activation_bytes, u8::from(info.switch_point));
            writeln!(self.code, "    {{{bytes}, {probability}, {skip}, {branch}, {switch}}},")?;
        }
        writeln!(self.code, "}};")?;
        self.tables.push(Named { name: name.clone(), segments: subnetwork.segments });
        Ok(name)
    }

    fn subnetworks(
        &mut self,
        index: usize,
        model: &Model<'_, ACCELERATORS>,
        names: &[String],
    ) -> fmt::Result {
        writeln!(self.code, "\nstatic const sdrm3_subnetwork_t networks_{index}[] = {{")?;
        for (subnetwork, name) in model.subnetworks.iter().zip(names) {
            let (accuracy, weights) = (subnetwork.accuracy_milli_percent, subnetwork.weight_bytes);
            let shared = subnetwork.shared_prefix;
            writeln!(
                self.code,
                "    {{SDRM3_COSTS({name}), .segments = {name}_segments, .accuracy_milli_percent = {accuracy}, \
                 .weight_bytes = {weights}, .shared_prefix = {shared}}},"
            )?;
        }
        writeln!(self.code, "}};")
    }

    fn models(&mut self, models: &[Model<'_, ACCELERATORS>]) -> fmt::Result {
        writeln!(self.code, "\nstatic const sdrm3_model_t models[] = {{")?;
        for (index, model) in models.iter().enumerate() {
            let mut row = format!(
                ".name = {}, .period_ns = {}, .subnetworks = networks_{index}, .subnetwork_count = {}",
                literal(model.name),
                model.period.as_nanos(),
                model.subnetworks.len()
            );
            // 0 stands for the period, or the deadline of the parent's frame.
            let deadline =
                model.deadline.filter(|deadline| model.cascade.is_some() || *deadline != model.period);
            if let Some(deadline) = deadline {
                row += &format!(", .deadline_ns = {}", deadline.as_nanos());
            }
            if let Some(cascade) = model.cascade {
                let (parent, bits) = (cascade.parent.0, cascade.probability.to_bits());
                row += &format!(", .parent = &models[{parent}], .probability = {bits}");
            }
            if model.accuracy_floor != 0 {
                row += &format!(", .accuracy_floor_milli_percent = {}", model.accuracy_floor);
            }
            if model.weight_percent != 100 {
                row += &format!(", .weight_percent = {}", model.weight_percent);
            }
            if model.drop_budget != DropBudget::PUBLISHED {
                let (lost, of) = (model.drop_budget.lost(), model.drop_budget.of());
                row += &format!(", .drop_at_most = {lost}, .drop_of = {of}");
            }
            if model.latest_wins {
                row += ", .latest_wins = 1";
            }
            writeln!(self.code, "    {{{row}}},")?;
        }
        writeln!(self.code, "}};")
    }
}

fn row_of_accelerator(index: usize, accelerator: &Accelerator<'_>) -> String {
    let mut row = format!(
        ".name = {}, .switch_fixed = {}, .switch_per_kib = {}",
        literal(accelerator.name),
        cost(accelerator.switch_fixed),
        cost(accelerator.switch_per_kib)
    );
    if !accelerator.switch_table.is_empty() {
        let count = accelerator.switch_table.len();
        row += &format!(", .switch_table = switches_{index}, .switch_table_count = {count}");
    }
    format!("{{{row}}}")
}

fn cost(cost: Cost) -> String {
    format!("{{{}, {}}}", cost.latency_ns, cost.energy_nj)
}

/// A text as C writes it.
fn literal(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'\n' => "\\n".into(),
        b'"' | b'\\' | b'?' => format!("\\{}", byte as char),
        b' '..=b'~' => (byte as char).to_string(),
        // Three digits at most: what follows is not taken for a fourth.
        _ => format!("\\{byte:03o}"),
    };
    format!("\"{}\"", text.bytes().map(escaped).collect::<String>())
}

/// A text that stays within its comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\\' { '_' } else { c }).collect::<String>().trim().into()
}

/// A name as C allows it.
fn identifier(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let plain: String = name.chars().map(allowed).collect();
    match plain.starts_with(|c: char| c.is_ascii_digit()) || plain.is_empty() {
        true => format!("n_{plain}"),
        false => plain,
    }
}

/// The name, or with a number behind it if it is taken.
fn unique(taken: &mut Vec<String>, name: &str) -> String {
    let same = |other: &String, name: &str| other.eq_ignore_ascii_case(name);
    let mut free = name.to_string();
    let mut number = 2;
    while taken.iter().any(|other| same(other, &free)) {
        free = format!("{name}_{number}");
        number += 1;
    }
    taken.push(free.clone());
    free
}
