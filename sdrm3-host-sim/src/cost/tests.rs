//! Costs worked out by hand, properties over random shapes, and the reference table.

use super::check::{Row, check, parse};
use super::{Array, Bound, Dataflow, LayerCost, Shape, cost};
use crate::input::Source;
use crate::network::layer::{Branch, Layer, Op};

use Dataflow::{OutputStationary as Os, RowStationary as Rs, WeightStationary as Ws};

fn dense([k, c, y, x, r, s]: [u32; 6]) -> Shape {
    Shape { k, c, y, x, r, s, stride: 1, groups: 1 }
}

fn array(dataflow: Dataflow, pes: u32) -> Array {
    Array { dataflow, pes, noc_bytes_per_cycle: if pes < 4096 { 128 } else { 256 } }
}

/// A generator of numbers that are the same on each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }

    fn array(&mut self) -> Array {
        let pes = 1 << self.below(14);
        Array {
            dataflow: Dataflow::ALL[self.below(3) as usize],
            pes: pes + self.below(pes),
            noc_bytes_per_cycle: 16 << self.below(6),
        }
    }

    /// A layer as networks have them.
    fn usual(&mut self) -> Shape {
        let r = 1 + 2 * self.below(4);
        let s = if self.below(4) == 0 { 1 } else { r };
        dense([1 + self.below(600), 1 + self.below(600), r + self.below(200), s + self.below(200), r, s])
    }
}

/// MAESTRO's cycles, as the number of top-level steps times the cycles of one. Where a step waits for
/// the network-on-chip, the cycles are MAESTRO's as printed.
#[test]
fn latency_equals_maestro() {
    let rows = [
        // 2 C x 2 K tiles, 158 rows, 98 columns on 8 clusters; 2 x 2 outputs of 9 products a step.
        (Ws, 2048, [32, 32, 160, 100, 3, 3], 2 * 2 * 158 * 13 * 36),
        // 32 K, 158 rows on 32 clusters, 98 columns by 4, 2 C tiles; 2 turns of 2 rows of 9 products.
        (Os, 2048, [32, 32, 160, 100, 3, 3], 32 * 5 * 25 * 2 * 36),
        // 158 rows, 98 columns by 16, 8 C tiles, 32 K on 32 clusters; 2 turns of 4 C x 2 x 3 products.
        (Rs, 2048, [32, 32, 160, 100, 3, 3], 158 * 7 * 8 * 48),
        // A product of matrices, 32 x 32 tiles and 128 rows; 4 of them a step, repeated.
        (Ws, 1024, [512, 512, 128, 1, 1, 1], 32 * 32 * 128 * 4),
        (Os, 1024, [512, 512, 128, 1, 1, 1], 512 * 8 * 32 * 4),
        (Rs, 1024, [512, 512, 128, 1, 1, 1], 128 * 128 * 32 * 4),
        // 3 of 16 input channels in use.
        (Ws, 4096, [16, 3, 224, 299, 3, 3], 222 * 19 * 36),
        (Rs, 4096, [16, 3, 224, 299, 3, 3], 222 * 19 * 36),
        // A single product per output, two tiles of output channels.
        (Ws, 1024, [32, 9, 1, 1, 1, 1], 4),
        (Os, 1024, [32, 9, 1, 1, 1, 1], 32),
        (Rs, 1024, [32, 9, 1, 1, 1, 1], 24),
        // One dimension, 25 taps.
        (Os, 2048, [96, 64, 346, 1, 25, 1], 96 * 11 * 4 * 25),
        // A kernel wider than the tiles.
        (Os, 1024, [32, 32, 56, 56, 9, 9], 32 * 3 * 12 * 2 * 81),
        // Waits for the network-on-chip.
        (Os, 2048, [512, 512, 128, 1, 1, 1], 327_680),
        (Ws, 1024, [384, 384, 10, 7, 5, 5], 359_472),
        (Ws, 4096, [1000, 1984, 1, 1, 1, 1], 7_935),
    ];
    for (dataflow, pes, bounds, cycles) in rows {
        assert_eq!(cost(&dense(bounds), &array(dataflow, pes)).cycles, cycles, "{dataflow} {pes} {bounds:?}");
    }
}

/// MAESTRO's energies as printed, six digits of them.
#[test]
fn energy_equals_maestro() {
    let rows = [
        (Ws, 2048, [32, 32, 160, 100, 3, 3], 3_823_500.0),
        (Os, 2048, [32, 32, 160, 100, 3, 3], 2_791_190.0),
        (Rs, 2048, [32, 32, 160, 100, 3, 3], 2_248_900.0),
        (Ws, 1024, [512, 512, 128, 1, 1, 1], 5_116_470.0),
        (Os, 4096, [16, 3, 224, 299, 3, 3], 535_461.0),
        (Rs, 2048, [96, 64, 346, 1, 25, 1], 1_245_910.0),
        (Ws, 1024, [19, 1, 98, 40, 3, 3], 19_447.5),
        (Os, 1024, [32, 32, 56, 56, 9, 9], 457_352.0),
        (Rs, 4096, [1000, 1984, 1, 1, 1, 1], 84_083.4),
    ];
    for (dataflow, pes, bounds, energy) in rows {
        let error = cost(&dense(bounds), &array(dataflow, pes)).energy_nj / energy - 1.0;
        assert!(error.abs() < 5e-6, "{dataflow} {pes} {bounds:?}: {error}");
    }
}

#[test]
fn every_cost_is_finite_and_positive() {
    let check = |shape: Shape, array: Array| {
        let LayerCost { cycles, energy_nj, stall_cycles, utilisation, global_accesses, local_accesses } =
            cost(&shape, &array);
        assert!(cycles > 0 && stall_cycles <= cycles, "{shape:?} {array:?}");
        assert!(energy_nj > 0.0 && energy_nj.is_finite(), "{shape:?} {array:?}");
        assert!(utilisation > 0.0 && utilisation <= 1.0, "{shape:?} {array:?}");
        assert!(global_accesses > 0.0 && local_accesses >= 0.0, "{shape:?} {array:?}");
    };
    let extremes = [0, 1, 2, 3, 15, 17, 1000, u32::MAX];
    let mut numbers = Numbers(1);
    for _ in 0..3_000 {
        let mut extreme = || extremes[numbers.below(8) as usize];
        let shape = Shape {
            k: extreme(),
            c: extreme(),
            y: extreme(),
            x: extreme(),
            r: extreme(),
            s: extreme(),
            stride: extreme(),
            groups: extreme(),
        };
        let (pes, noc_bytes_per_cycle) = (extreme(), extreme());
        for dataflow in Dataflow::ALL {
            check(shape, Array { dataflow, pes, noc_bytes_per_cycle });
        }
        let shape = Shape { stride: 1 + numbers.below(3), groups: 1 + numbers.below(8), ..numbers.usual() };
        check(shape, numbers.array());
    }
}

#[test]
fn more_work_takes_longer_and_more_bandwidth_does_not() {
    let mut numbers = Numbers(2);
    for _ in 0..2_000 {
        let (shape, array) = (numbers.usual(), numbers.array());
        let cycles = |shape, array| cost(&shape, &array).cycles;
        let base = cycles(shape, array);
        assert!(cycles(Shape { k: 2 * shape.k, ..shape }, array) >= base, "k {shape:?} {array:?}");
        assert!(cycles(Shape { c: 2 * shape.c, ..shape }, array) >= base, "c {shape:?} {array:?}");
        let wide = Array { noc_bytes_per_cycle: 2 * array.noc_bytes_per_cycle, ..array };
        assert!(cycles(shape, wide) <= base, "bandwidth {shape:?} {array:?}");
    }
}

#[test]
fn a_large_layer_gains_from_elements() {
    for dataflow in Dataflow::ALL {
        let [small, large] =
            [64, 8192].map(|pes| cost(&dense([256, 256, 58, 58, 3, 3]), &array(dataflow, pes)));
        assert!(small.cycles > 16 * large.cycles, "{dataflow}: {} and {}", small.cycles, large.cycles);
    }
}

#[test]
fn a_small_array_takes_turns() {
    let shape = dense([32, 32, 20, 20, 3, 3]);
    let cycles = |pes| cost(&shape, &Array { dataflow: Ws, pes, noc_bytes_per_cycle: 512 }).cycles;
    assert_eq!(cycles(64), 4 * cycles(256));
    assert_eq!(cycles(300), cycles(256), "the rest of a cluster stays idle");
}

#[test]
fn groups_run_in_turn_but_depthwise_channels_together() {
    let array = array(Ws, 1024);
    let dense_part = cost(&dense([8, 16, 30, 30, 3, 3]), &array);
    let grouped = cost(&Shape { groups: 4, ..dense([32, 64, 30, 30, 3, 3]) }, &array);
    assert_eq!(grouped.cycles, 4 * dense_part.cycles);
    assert!((grouped.energy_nj / (4.0 * dense_part.energy_nj) - 1.0).abs() < 1e-9);

    let depthwise = cost(&Shape { groups: 64, ..dense([64, 64, 30, 30, 3, 3]) }, &array);
    let one_channel = cost(&dense([1, 1, 30, 30, 3, 3]), &array);
    assert!(depthwise.cycles < 64 * one_channel.cycles);
    assert!(depthwise.cycles < cost(&dense([64, 64, 30, 30, 3, 3]), &array).cycles);
}

#[test]
fn a_stride_saves_the_steps_of_the_outputs_it_skips() {
    for dataflow in Dataflow::ALL {
        let array = array(dataflow, 1024);
        let strided = cost(&Shape { stride: 2, ..dense([64, 64, 57, 57, 3, 3]) }, &array);
        let same_outputs = cost(&dense([64, 64, 30, 30, 3, 3]), &array);
        assert_eq!(strided.cycles, same_outputs.cycles);
        assert!(strided.energy_nj > same_outputs.energy_nj);
    }
}

#[test]
fn a_narrow_network_on_chip_binds() {
    let shape = dense([512, 512, 128, 1, 1, 1]);
    let bound = |noc_bytes_per_cycle| cost(&shape, &Array { noc_bytes_per_cycle, ..array(Os, 2048) }).bound();
    assert_eq!((bound(4), bound(4096)), (Bound::Noc, Bound::Compute));
}

#[test]
fn a_layer_gives_its_shape() {
    let layer = Layer {
        name: "conv".into(),
        op: Op::Conv,
        k: 8,
        c: 4,
        out_y: 10,
        out_x: 20,
        r: 3,
        s: 5,
        stride: 2,
        groups: 2,
        outside: [0, 0],
        branch: Branch::Next,
    };
    let shape = Shape::from(&layer);
    assert_eq!(shape, Shape { k: 8, c: 4, y: 21, x: 43, r: 3, s: 5, stride: 2, groups: 2 });
    assert_eq!((shape.out_y(), shape.out_x()), (10, 20));
    assert_eq!(shape.macs(), layer.macs() as f64);
}

#[test]
fn dataflows_have_names() {
    for dataflow in Dataflow::ALL {
        assert_eq!(dataflow.to_string().parse(), Ok(dataflow));
        assert_eq!(dataflow.to_string().to_uppercase().parse(), Ok(dataflow));
    }
    assert!("nlr".parse::<Dataflow>().is_err());
}

/// Errors of 0, 10 and 50 %, and two ranks swapped.
#[test]
fn check_measures_errors_and_ranks() {
    let row = |k, latency_factor: f64, energy_nj| {
        let mut row = Row {
            model: "m".into(),
            layer: 0,
            name: "l".into(),
            k,
            c: 16,
            y: 30,
            x: 30,
            r: 3,
            s: 3,
            dataflow: Ws,
            pes: 1024,
            noc_bw_per_cycle: 128,
            latency_cycles: 0.0,
            energy_nj,
        };
        row.latency_cycles = cost(&row.shape(), &row.array()).cycles as f64 / latency_factor;
        row
    };
    let reports = check(&[row(16, 1.0, 1.0), row(64, 1.1, 3.0), row(256, 1.5, 2.0)]);
    let [report] = reports[..] else { panic!("one dataflow: {reports:?}") };
    assert_eq!((report.dataflow, report.rows), (Ws, 3));
    assert!((report.latency.median_error - 0.1).abs() < 1e-9);
    assert!((report.latency.p90_error - 0.42).abs() < 1e-9);
    assert!((report.latency.rank_correlation - 1.0).abs() < 1e-9);
    assert!((report.energy.rank_correlation - 0.5).abs() < 1e-9);
}

/// Needs `$SDRM3_DATA/maestro/costs.csv`, costs printed by MAESTRO.
#[test]
fn model_agrees_with_the_reference_table() {
    let Ok(data) = std::env::var("SDRM3_DATA") else {
        sdrm3_check::skipped("cost", "SDRM3_DATA does not name the folder with the data");
        return;
    };
    let source = Source::read(&format!("{data}/maestro/costs.csv")).expect("the table is there");
    let rows = parse(&source).expect("the table can be read");
    for row in &rows {
        assert_eq!(cost(&row.shape(), &row.array()).cycles as f64, row.latency_cycles, "{row:?}");
    }
    let reports = check(&rows);
    assert_eq!(reports.len(), Dataflow::ALL.len());
    for report in reports {
        println!("{report:?}");
        assert!(report.latency.median_error <= 0.02 && report.latency.p90_error <= 0.10, "{report:?}");
        assert!(report.energy.median_error <= 0.05, "{report:?}");
        assert!(
            report.latency.rank_correlation >= 0.99 && report.energy.rank_correlation >= 0.99,
            "{report:?}"
        );
    }
}
