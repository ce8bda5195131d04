//! Platforms and costs as a user writes them, for cells that are made up.

use std::fmt::Write;

/// Accelerators `a0` of kind `k0` and so on; what a switch takes on each, in nanoseconds and nanojoules.
pub(crate) fn platform(accelerators: usize, switches: Option<(u32, u32)>, decision_ns: u32) -> String {
    let mut text = format!("name = 'random'\ndecision_ns = {decision_ns}\n");
    for index in 0..accelerators {
        let _ = writeln!(
            text,
            "[[accelerator]]\nname = 'a{index}'\nkind = 'k{index}'\ndataflow = 'ws'\npes = 256\n\
             noc_bytes_per_cycle = 64\nclock_mhz = 500"
        );
        if let Some((ns, nj)) = switches {
            let _ = writeln!(text, "switch_ns = {ns}\nswitch_nj = {nj}");
        }
    }
    text
}

/// Costs of networks `n0` and so on. Of each network the layers, of each layer and accelerator its latency in
/// microseconds (0 where it does not run) and its energy in nanojoules.
pub(crate) fn costs<'a, const N: usize>(
    networks: impl IntoIterator<Item = &'a [[(u32, u32); N]]>,
    accelerators: usize,
) -> String {
    let mut text = String::from("network,layer,kind,latency_ns,energy_nj\n");
    for (index, layers) in networks.into_iter().enumerate() {
        for (layer, costs) in layers.iter().enumerate() {
            let nowhere = costs[..accelerators].iter().all(|&(us, _)| us == 0);
            for (kind, (us, energy)) in costs[..accelerators].iter().enumerate() {
                // Each layer must run somewhere.
                let us = if nowhere { 700 } else { *us };
                let _ = writeln!(text, "n{index},{layer},k{kind},{},{energy}", 1000 * us);
            }
        }
    }
    text
}
