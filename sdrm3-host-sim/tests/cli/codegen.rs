//! `codegen` for the C library: it compiles without a warning, and says the same as the tables in Rust.

use std::path::Path;
use std::process::Command;

use sdrm3_core::{
    Accelerator, Branch, Cost, DropBudget, Duration, Model, ModelId, Probability, Segment, SegmentSpec,
    SubNetwork, Workload,
};

use crate::{Folder, PLATFORM, SCENARIO};

/// Prints all that a workload says, one number or name a word.
const DUMP: &str = r#"
#include "tables.h"
#include <inttypes.h>
#include <stdio.h>
static SDRM3_STORAGE(storage, TABLES_STORAGE_BYTES);
static void cost(sdrm3_cost_t of) { printf("%" PRIu32 " %" PRIu32 " ", of.latency_ns, of.energy_nj); }
int main(void) {
    const sdrm3_workload_t *all = &tables_workload;
    (void)storage;
    printf("%" PRIu64 " %d %d ", TABLES_CHECKSUM, TABLES_MODELS, TABLES_ACCELERATORS);
    for (uint32_t i = 0; i < all->accelerator_count; i++) {
        const sdrm3_accelerator_t *on = &all->accelerators[i];
        printf("%s ", on->name);
        cost(on->switch_fixed);
        cost(on->switch_per_kib);
    }
    for (uint32_t i = 0; i < all->model_count; i++) {
        const sdrm3_model_t *model = &all->models[i];
        int parent = model->parent ? (int)(model->parent - all->models) : -1;
        printf("%s %" PRIu64 " %" PRIu64 " %d %" PRIu32 " %u %u %u %u %" PRIu32 " %" PRIu32 " ", model->name,
               model->period_ns, model->deadline_ns, parent, model->probability, model->weight_percent,
               model->drop_at_most, model->drop_of, model->latest_wins, model->accuracy_floor_milli_percent,
               model->subnetwork_count);
        for (uint32_t j = 0; j < model->subnetwork_count; j++) {
            const sdrm3_subnetwork_t *net = &model->subnetworks[j];
            printf("%" PRIu32 " %" PRIu32 " %u %" PRIu32 " ", net->accuracy_milli_percent, net->weight_bytes,
                   net->shared_prefix, net->segment_count);
            for (uint32_t k = 0; k < net->segment_count; k++) {
                const sdrm3_segment_t *segment = &net->segments[k];
                printf("%" PRIu32 " %" PRIu32 " %u %u %u ", segment->activation_bytes, segment->probability,
                       segment->skip, segment->branch, segment->switch_point);
                for (uint32_t a = 0; a < net->accelerator_count; a++) cost(net->costs[k * net->accelerator_count + a]);
            }
        }
    }
    return 0;
}
"#;

fn include() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdrm3-hal/c-api/include");
    format!("-I{}", path.display())
}

/// Compiles with all warnings as errors; `None` where there is no compiler.
fn compile(folder: &Folder, compiler: &str, arguments: &[&str]) -> Option<()> {
    let output = Command::new(compiler)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", &include()])
        .args(arguments)
        .current_dir(&folder.0)
        .output();
    let Ok(output) = output else {
        sdrm3_check::skipped("codegen", &format!("{compiler} is not installed"));
        return None;
    };
    assert!(output.status.success(), "{compiler} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// The words of a dump, in order.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a str {
        self.0.next().expect("a word")
    }

    fn number<T: TryFrom<i128>>(&mut self) -> T {
        let number = self.word().parse::<i128>().expect("a number");
        T::try_from(number).ok().expect("in range")
    }

    fn cost(&mut self) -> Cost {
        Cost::new(self.number(), self.number())
    }

    fn segment(&mut self, accelerators: usize) -> SegmentSpec<8> {
        let activations = self.number();
        let probability = Probability::from_bits(self.number());
        let branch = match (self.number::<u16>(), self.number::<u8>()) {
            (segments, 1) => Branch::Skip { segments, probability },
            (_, 2) => Branch::Exit { probability },
            _ => Branch::Next,
        };
        let switch_point = self.number::<u8>() == 1;
        let mut costs = [Cost::NONE; 8];
        costs.iter_mut().take(accelerators).for_each(|cost| *cost = self.cost());
        let spec = SegmentSpec::new(costs).with_activations(activations).with_branch(branch);
        if switch_point { spec.with_switch_point() } else { spec }
    }

    fn subnetwork(&mut self, accelerators: usize) -> SubNetwork<'static, 8> {
        let (accuracy, weights, shared) = (self.number(), self.number(), self.number());
        let count: usize = self.number();
        let specs: Vec<SegmentSpec<8>> = (0..count).map(|_| self.segment(accelerators)).collect();
        let mut table: Vec<Segment<8>> = specs.iter().map(|spec| Segment::derive(spec, &[])).collect();
        for (index, spec) in specs.iter().enumerate().rev() {
            table[index] = Segment::derive(spec, &table[index + 1..]);
        }
        SubNetwork::new("", table.leak())
            .with_accuracy(accuracy)
            .with_weights(weights)
            .with_shared_prefix(shared)
    }

    fn model(&mut self, accelerators: usize) -> Model<'static, 8> {
        let name: &'static str = self.word().to_string().leak();
        let (period, deadline): (u64, u64) = (self.number(), self.number());
        let (parent, probability): (i32, u32) = (self.number(), self.number());
        let (weight, lost, of): (u16, u8, u8) = (self.number(), self.number(), self.number());
        let (latest, floor, count): (u8, u32, usize) = (self.number(), self.number(), self.number());
        let networks: Vec<_> = (0..count).map(|_| self.subnetwork(accelerators)).collect();
        let mut model = Model::new(name, Duration::from_nanos(period), networks.leak());
        if let Ok(parent) = u8::try_from(parent) {
            model = model.after(ModelId(parent), Probability::from_bits(probability));
        }
        if deadline > 0 {
            model = model.with_deadline(Duration::from_nanos(deadline));
        }
        if of > 0 {
            model = model.with_drop_budget(DropBudget::new(lost, of).expect("a budget"));
        }
        model = model.with_weight(if weight == 0 { 100 } else { weight }).with_accuracy_floor(floor);
        if latest == 1 { model.with_latest_wins() } else { model }
    }
}

/// The program's checksum of a workload, and that of the same workload as the C tables say it.
fn checksums(dump: &str) -> (u64, u64) {
    let mut words = Words(dump.split_whitespace());
    let said = words.number();
    let (models, count): (usize, usize) = (words.number(), words.number());
    let accelerators: Vec<Accelerator<'_>> =
        (0..count).map(|_| Accelerator::new(words.word()).with_switch(words.cost(), words.cost())).collect();
    let models: Vec<_> = (0..models).map(|_| words.model(count)).collect();
    assert_eq!(words.0.next(), None, "all is read");
    (said, Workload::new(&models, &accelerators).checksum())
}

#[test]
fn c_tables_compile_without_a_warning_and_say_what_the_rust_tables_say() {
    let odd = SCENARIO
        .replace("name = 'eye'\n", "name = 'eye \"a\\b??)'\n")
        .replace("= 'eye'", "= 'eye \"a\\b??)'");
    let full = SCENARIO.replace(
        "fps = 60",
        "fps = 60\nweight = 2.5\ndrop_budget = [1, 8]\nlatest_wins = true\ndeadline_ms = 12.5",
    );
    let files = [
        ("s.toml", SCENARIO),
        ("odd.toml", &odd),
        ("p.toml", PLATFORM),
        ("full.toml", &full),
        ("dump.c", DUMP),
        ("own.toml", include_str!("../../examples/own_supernet/scenario.toml")),
        ("own.csv", include_str!("../../examples/own_supernet/networks.csv")),
    ];
    let folder = Folder::new("codegen-c", &files);
    let mut checked = 0;
    let cells = [
        ("s.toml", "p.toml"),
        ("full.toml", "p.toml"),
        ("vr_gaming", "4k-1ws-2os"),
        ("ar_social", "8k-3ws"),
        ("drone_indoor", "4k-3os"),
        ("drone_outdoor", "4k-3os"),
        ("ar_call", "4k-3os"),
        ("own.toml --networks own.csv", "4k-1ws-2os"),
    ];
    for (scenario, platform) in cells {
        let output = folder
            .run(&format!("codegen --scenario {scenario} --platform {platform} --out tables.c --force"));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{errors}");
        assert!(errors.contains(" bytes of flash, checksum "), "{errors}");
        for standard in ["-std=c99", "-std=c11"] {
            if compile(&folder, "gcc", &[standard, "-Wconversion", "tables.c", "dump.c", "-o", "dump"])
                .is_none()
            {
                return;
            }
        }
        let dump = Command::new(folder.0.join("dump")).output().expect("it runs");
        let (said, rebuilt) = checksums(std::str::from_utf8(&dump.stdout).expect("a text"));
        assert_eq!(said, rebuilt, "{scenario} on {platform}");
        assert!(errors.contains(&format!("checksum {said:016x}")), "{errors}");
        checked += 1;
    }
    assert_eq!(checked, cells.len());
    // The header is one of C++ too, and any name is a text of C.
    let output = folder.run("codegen --scenario odd.toml --platform p.toml --out 9-odd.c");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    compile(&folder, "gcc", &["-std=c99", "-c", "9-odd.c", "-o", "odd.o"]);
    std::fs::write(folder.0.join("odd.cc"), "#include \"9-odd.h\"\n").expect("a file can be written");
    compile(&folder, "g++", &["-std=c++14", "-fsyntax-only", "odd.cc"]);
}

#[test]
fn c_tables_are_two_files_and_both_are_kept_unless_forced() {
    let folder =
        Folder::new("codegen-c-files", &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("t.h", "mine")]);
    let codegen = "codegen --scenario s.toml --platform p.toml";
    folder.refuses(
        &format!("{codegen} --out t.c"),
        &["--out: t.h exists already; remove it or name another file"],
    );
    folder
        .refuses(&format!("{codegen} --language c"), &["--language: C tables are two files; name a FILE.c"]);
    folder.refuses(&format!("{codegen} --language c --out t.rs"), &["C tables are two files; name a FILE.c"]);
    folder.refuses(
        &format!("{codegen} --out sdrm3.c"),
        &["--out: sdrm3.h beside it would stand before the library's own sdrm3.h; give it another name"],
    );
    assert_eq!(folder.names(), ["p.toml", "s.toml", "t.h"]);
}

/// The tables have names that begin so themselves, `ALL_MODELS`: what a model is called may not meet them.
#[test]
fn models_that_are_called_all_get_names_that_no_other_table_has() {
    let files = ["all", "All-in-one", "all_models", "ALL_ACCELERATORS"].map(|name| {
        let scenario = SCENARIO.replace("'eye'", &format!("'{name}'")).replace("kws_res8", "fbnet_c");
        (format!("{name}.toml"), scenario)
    });
    // Of two sub-networks the second is `models`.
    let layer = |sub: &str| format!("all/{sub},0,ws-2048,1000,1\nall/{sub},0,os-2048,1000,1\n");
    let _ = layer;
    let mut all: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    all.push(("p.toml", PLATFORM));
    let folder = Folder::new("codegen-all", &all);
    for (scenario, _) in &files {
        let output = folder.run(&format!("codegen --scenario {scenario} --platform p.toml"));
        assert_eq!(output.status.code(), Some(0), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
        let code = String::from_utf8(output.stdout).expect("UTF-8");
        let mut names: Vec<&str> = code
            .split("static ")
            .skip(1)
            .filter_map(|rest| rest.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() == count && count >= 6, "{scenario}: {names:?}");
        assert!(names.contains(&"ALL_MODELS") && names.contains(&"ALL_ACCELERATORS"), "{names:?}");
    }
}
