//! From a scenario, a platform and costs to the core's tables.

use std::collections::HashMap;

use bumpalo::Bump;
use sdrm3_core::{
    Accelerator, Branch, Cost, Duration, Model, ModelId, Probability, Segment, SegmentSpec, SubNetwork,
    Workload,
};

use super::{AcceleratorSpec, CostTable, ModelSpec, Platform, Scenario, What};
use crate::cost::{Shape, cost};
use crate::input::{InputError, unknown_name};
use crate::network::{self, Layer, Library, Network, layer};

/// The most accelerators that a platform may have here; firmware chooses its own number.
pub const ACCELERATORS: usize = 8;
/// The most models that a scenario may have here; firmware chooses its own number.
pub const MODELS: usize = 32;

type Table<'b> = &'b [Segment<ACCELERATORS>];

/// The core's tables, laid into `memory`; networks are those of `library`, or of the cost table; core's own check has passed.
pub fn build<'b>(
    scenario: &Scenario,
    platform: &Platform,
    library: &Library,
    measured: Option<&CostTable>,
    memory: &'b Bump,
) -> Result<Workload<'b, ACCELERATORS>, InputError> {
    let mut models = Vec::with_capacity(scenario.models.len());
    for spec in &scenario.models {
        let name = memory.alloc_str(&spec.name);
        let subnetworks =
            memory.alloc_slice_fill_iter(subnetworks(spec, platform, library, measured, memory)?);
        let mut model = Model::new(name, Duration::from_nanos((1e9 / spec.fps).round() as u64), subnetworks);
        if let Some(parent) = spec.parent {
            let p = Probability::from_f64(parent.probability).unwrap_or(Probability::ALWAYS);
            model = model.after(ModelId(parent.index as u8), p);
        }
        if let Some(deadline) = spec.deadline_ms {
            model = model.with_deadline(Duration::from_nanos((deadline * 1e6).round().max(1.0) as u64));
        }
        model = model
            .with_weight(spec.weight_percent)
            .with_drop_budget(spec.drop_budget)
            .with_accuracy_floor((spec.accuracy_floor * 1e3).round() as u32);
        if spec.latest_wins {
            model = model.with_latest_wins();
        }
        models.push(model);
    }
    check_changes(scenario, platform)?;
    let accelerators = platform.accelerators.iter().map(|spec| {
        let (fixed, per_kib) = switch_cost(spec);
        Accelerator::new(memory.alloc_str(&spec.name)).with_switch(fixed, per_kib)
    });
    let workload = Workload::new(
        memory.alloc_slice_fill_iter(models),
        memory.alloc_slice_fill_iter(accelerators.collect::<Vec<_>>()),
    );
    workload.validate().map_err(|error| {
        let origin = format!("scenario {} on platform {}", scenario.name, platform.name);
        InputError::new(&origin, error.to_string(), "mend the entry it names")
    })?;
    Ok(workload)
}

/// That scripted changes name accelerators that the platform has.
fn check_changes(scenario: &Scenario, platform: &Platform) -> Result<(), InputError> {
    let count = platform.accelerators.len();
    for change in &scenario.changes {
        if let What::Accelerator(index, _) = change.what
            && index >= count
        {
            let what = format!("a change at {} ms is of accelerator {index}", change.at_ms);
            let remedy = format!("platform {} has {count}, counted from 0", platform.name);
            return Err(change.origin.error(what, remedy));
        }
    }
    Ok(())
}

/// The fixed part of a switch, and the part per KiB of activations.
fn switch_cost(spec: &AcceleratorSpec) -> (Cost, Cost) {
    let ns_per_kib = 1024.0 / f64::from(spec.array.noc_bytes_per_cycle) * 1e3 / spec.clock_mhz;
    let nj_per_kib = 1024.0 * spec.switch_pj_per_byte / 1e3;
    let split = |given: Option<u32>, per_kib: f64| match given {
        Some(fixed) => (fixed, 0),
        None => (0, per_kib.round() as u32),
    };
    let (time, energy) = (split(spec.switch_ns, ns_per_kib), split(spec.switch_nj, nj_per_kib));
    (Cost::new(time.0, energy.0), Cost::new(time.1, energy.1))
}

/// The sub-networks of a model's network with their costs: measured ones where the table has them.
///
/// Costs measured for a network of the library leave it its activations and branches. A network that
/// the library does not have, has variants of, or has with another number of layers, is what the table
/// says; but a layer table and a cost table of the same network must fit together, and so must the costs of a network
/// that branches, and those of layers that sub-networks share.
fn subnetworks<'b>(
    spec: &ModelSpec,
    platform: &Platform,
    library: &Library,
    measured: Option<&CostTable>,
    memory: &'b Bump,
) -> Result<Vec<SubNetwork<'b, ACCELERATORS>>, InputError> {
    let kinds: Vec<&str> = platform.accelerators.iter().map(|a| a.kind.as_str()).collect();
    let plain = |costs: Vec<Cost>| SegmentSpec::new(padded(costs));
    let known = library.find(&spec.network);
    let whole = measured.filter(|table| table.names(&spec.network));
    let mut whole = whole.map(|table| table.layers(&spec.network, &kinds)).transpose()?;
    let same_layers = |network: &Network, rows: &[Vec<Cost>]| {
        matches!(&network.subnetworks[..], [only] if only.layers.len() == rows.len())
            || library.is_loaded(&network.name)
    };
    let network = match (known, &whole) {
        (Some(network), None) => network,
        (Some(Network { name, subnetworks, .. }), Some(_))
            if subnetworks.len() > 1 && library.is_loaded(name) =>
        {
            let what =
                format!("`{name}` has several sub-networks, the cost table does not say of which it is");
            return Err(spec.origin.error(what, "name them there as NETWORK/SUBNETWORK"));
        }
        (Some(network), Some(rows)) if same_layers(network, rows) => network,
        (Some(network), Some(rows)) if network.branches() => {
            let layers: Vec<String> =
                network.subnetworks.iter().map(|sub| sub.layers.len().to_string()).collect();
            let (name, layers) = (&network.name, layers.join(", "));
            let what =
                format!("`{name}` skips or exits and has {layers} layers, the cost table {}", rows.len());
            return Err(spec
                .origin
                .error(what, "give one row per layer and kind, or rename what is not this network"));
        }
        (_, Some(rows)) => {
            let segments: Vec<_> = rows.iter().cloned().map(plain).collect();
            return Ok(vec![SubNetwork::new(memory.alloc_str(&spec.network), derive(&segments, memory))]);
        }
        (None, None) => {
            let mut known = library.names();
            known.extend(measured.map(CostTable::networks).unwrap_or_default());
            return Err(spec.origin.locate(&unknown_name("", "network", &spec.network, &known)));
        }
    };
    let subnetworks: Vec<&str> = network.subnetworks.iter().map(|sub| &*sub.name).collect();
    let measured_subnetworks = measured.into_iter().flat_map(|table| table.subnetworks(&network.name));
    if let Some(unknown) = measured_subnetworks.filter(|name| !subnetworks.contains(name)).min() {
        let what = format!("sub-network of `{}` in the cost table", network.name);
        return Err(spec.origin.locate(&unknown_name("", &what, unknown, &subnetworks)));
    }
    // What is left out would be measured against what is modelled.
    let is_measured =
        |sub: &&&str| measured.is_some_and(|table| table.names(&format!("{}/{sub}", network.name)));
    let missing = subnetworks.iter().find(|sub| !is_measured(sub));
    if let (Some(there), Some(missing)) = (subnetworks.iter().find(is_measured), missing) {
        let what = format!("the cost table has `{0}/{there}`, but not `{0}/{missing}`", network.name);
        return Err(spec.origin.error(what, "add it: sub-networks are measured all or none"));
    }
    let of_subnetwork = |sub: &network::SubNetwork| {
        let name = format!("{}/{}", network.name, sub.name);
        let labels = |name: &str| measured.map_or(&[][..], |table| table.labels(name));
        let rows = match (whole.take(), measured.filter(|table| table.names(&name))) {
            (Some(rows), _) => Some((rows, labels(&spec.network))),
            (None, Some(table)) => Some((table.layers(&name, &kinds)?, labels(&name))),
            (None, None) => None,
        };
        let costs = match rows {
            Some((rows, _)) if rows.len() != sub.layers.len() => {
                let what = format!("`{name}` has {} layers, the cost table {}", sub.layers.len(), rows.len());
                return Err(spec.origin.error(what, "give one row per layer and kind"));
            }
            Some((rows, labels)) => in_order(rows, labels, &name, &sub.layers)
                .map_err(|what| spec.origin.error(what, "name all as the network does, or number them"))?,
            None => {
                let rows = sub.layers.iter().enumerate().map(|(index, layer)| {
                    modelled(layer, platform).map_err(|too_much| {
                        let what = format!("layer {index} of `{name}` takes {too_much}");
                        spec.origin.error(
                            what,
                            "a layer takes at most 4.29 s and 4.29 J: split it, or give a faster accelerator",
                        )
                    })
                });
                rows.collect::<Result<_, _>>()?
            }
        };
        let segments: Vec<_> = costs
            .into_iter()
            .zip(&sub.layers)
            .enumerate()
            .map(|(index, (costs, layer))| {
                let mut segment = plain(costs)
                    .with_activations(u32::try_from(layer.input_bytes()).unwrap_or(u32::MAX))
                    .with_branch(branch(layer.branch));
                segment.switch_point = sub.switch_points.binary_search(&index).is_ok();
                segment
            })
            .collect();
        let accuracy = (sub.accuracy.unwrap_or(0.0) * 1e3).round() as u32;
        let weights = if platform.weights_move { sub.params() } else { 0 };
        Ok(SubNetwork::new(memory.alloc_str(&sub.name), derive(&segments, memory))
            .with_weights(u32::try_from(weights).unwrap_or(u32::MAX))
            .with_accuracy(accuracy)
            .with_shared_prefix(sub.shared_prefix as u16))
    };
    let subnetworks: Vec<_> = network.subnetworks.iter().map(of_subnetwork).collect::<Result<_, _>>()?;
    check_shared(spec, &subnetworks)?;
    Ok(subnetworks)
}

/// Rows of a cost table in the order of the layers that their labels name; as they are if labels are numbers, or
/// names of their own.
fn in_order(
    rows: Vec<Vec<Cost>>,
    labels: &[String],
    network: &str,
    layers: &[Layer],
) -> Result<Vec<Vec<Cost>>, String> {
    let places: HashMap<&str, usize> =
        layers.iter().enumerate().map(|(place, layer)| (layer.name.as_str(), place)).collect();
    let wanted: Vec<Option<usize>> = labels.iter().map(|label| places.get(&**label).copied()).collect();
    let elsewhere = wanted.iter().enumerate().find_map(|(at, place)| Some((at, place.filter(|&p| p != at)?)));
    let Some((at, place)) = elsewhere else { return Ok(rows) };
    if labels.iter().all(|label| label.parse::<u64>().is_ok()) {
        return Ok(rows);
    }
    if let Some(unknown) = wanted.iter().position(Option::is_none) {
        return Err(format!(
            "layer {at} of `{network}` by the cost table is `{}`, which is its layer {place}, and it has no `{}`",
            labels[at], labels[unknown]
        ));
    }
    let mut ordered: Vec<_> = wanted.into_iter().zip(rows).collect();
    ordered.sort_by_key(|(place, _)| *place);
    Ok(ordered.into_iter().map(|(_, row)| row).collect())
}

/// That layers which sub-networks share cost the same in both: those that are measured one by one may not.
fn check_shared(spec: &ModelSpec, subnetworks: &[SubNetwork<'_, ACCELERATORS>]) -> Result<(), InputError> {
    for (heavier, lighter) in subnetworks.iter().zip(subnetworks.iter().skip(1)) {
        let shared = heavier.segments.iter().zip(lighter.segments).take(lighter.shared_prefix.into());
        let costs = |(heavy, light): (&Segment<_>, &Segment<_>)| heavy.placements() == light.placements();
        if let Some(layer) = shared.map(costs).position(|same| !same) {
            let what = format!(
                "layer {layer} of `{0}/{1}` is one with that of `{0}/{2}`, but costs something else by the cost table",
                spec.network, lighter.name, heavier.name
            );
            return Err(spec.origin.error(what, "give both the same rows"));
        }
    }
    Ok(())
}

/// Costs of a layer on each accelerator by the built-in dataflow model; or what is more than can be said, and where.
fn modelled(layer: &Layer, platform: &Platform) -> Result<Vec<Cost>, String> {
    let on = |spec: &AcceleratorSpec| {
        let estimate = cost(&Shape::from(layer), &spec.array);
        let (latency_ns, energy_nj) =
            ((estimate.cycles as f64 * 1e3 / spec.clock_mhz).ceil(), estimate.energy_nj.round());
        let most = f64::from(u32::MAX);
        if latency_ns > most || energy_nj > most {
            return Err(format!("{:.1} s and {:.1} J on `{}`", latency_ns / 1e9, energy_nj / 1e9, spec.kind));
        }
        // A layer always takes time.
        Ok(Cost::new((latency_ns as u32).max(1), energy_nj as u32))
    };
    platform.accelerators.iter().map(on).collect()
}

fn branch(branch: layer::Branch) -> Branch {
    let p = |p| Probability::from_f64(p).unwrap_or(Probability::NEVER);
    match branch {
        layer::Branch::Next => Branch::Next,
        layer::Branch::Skip { layers, probability } => {
            Branch::Skip { segments: layers, probability: p(probability) }
        }
        layer::Branch::Exit { probability } => Branch::Exit { probability: p(probability) },
    }
}

/// Accelerators that the platform does not have run nothing.
fn padded(costs: Vec<Cost>) -> [Cost; ACCELERATORS] {
    let mut all = [Cost::NONE; ACCELERATORS];
    for (place, cost) in all.iter_mut().zip(costs) {
        *place = cost;
    }
    all
}

/// The derived table of a network whose length is known at run time only.
fn derive<'b>(specs: &[SegmentSpec<ACCELERATORS>], memory: &'b Bump) -> Table<'b> {
    let mut table: Vec<_> = specs.iter().map(|spec| Segment::derive(spec, &[])).collect();
    for (index, spec) in specs.iter().enumerate().rev() {
        let (before, behind) = table.split_at_mut(index + 1);
        before[index] = Segment::derive(spec, behind);
    }
    memory.alloc_slice_copy(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Source;

    fn source(name: &str, text: String) -> Source {
        Source { origin: name.into(), text }
    }

    /// Activations of each segment of a model of `network` with this cost table (1 ns a layer) beside
    /// the zoo and a layer table of `mine`, which has two layers.
    fn activations(network: &str, measured: &str, rows: usize) -> Result<Vec<u32>, InputError> {
        let mut library = Library::zoo();
        let layers = "network,layer,op,k,c,y,x,r,s,stride,groups\n\
                      mine,a,conv,4,3,10,10,3,3,1,1\n\
                      mine,b,fc,2,4,1,1,1,1,1,1\n";
        library.add_table(&source("n.csv", layers.into()))?;
        let scenario = format!("name = 's'\n[[model]]\nname = 'm'\nnetwork = '{network}'\nfps = 10\n");
        let mut costs = String::from("network,layer,kind,latency_ns,energy_nj\n");
        for row in 0..rows {
            costs += &format!("{measured},{row},ws-2048,1,1\n{measured},{row},os-1024,1,1\n");
        }
        let memory = Bump::new();
        let workload = build(
            &Scenario::parse(&source("s.toml", scenario))?,
            &Platform::load("4k-1ws-2os")?,
            &library,
            Some(&CostTable::parse(&source("c.csv", costs))?),
            &memory,
        )?;
        let segments = workload.models[0].subnetworks[0].segments;
        assert!(segments.iter().all(|segment| segment.placements()[0].latency_ns == 1), "as measured");
        Ok(segments.iter().map(|segment| segment.info().activation_bytes).collect())
    }

    #[test]
    fn a_layer_that_takes_too_long_is_refused_with_its_place() {
        let mut library = Library::zoo();
        let layers = "network,layer,op,k,c,y,x,r,s,stride,groups\n\
                      huge,a,conv,4096,4096,512,512,3,3,1,1\n";
        library.add_table(&source("n.csv", layers.into())).unwrap();
        let scenario = "name = 's'\n[[model]]\nname = 'm'\nnetwork = 'huge'\nfps = 10\n";
        let scenario = Scenario::parse(&source("s.toml", scenario.into())).unwrap();
        let platform = Platform::load("4k-1ws-2os").unwrap();
        let says = build(&scenario, &platform, &library, None, &Bump::new()).unwrap_err().to_string();
        for part in
            ["s.toml:4", "layer 0 of `huge/", " s and ", " J on `ws-2048`", "at most 4.29 s", "split it"]
        {
            assert!(says.contains(part), "{part}: {says}");
        }
    }

    #[test]
    fn measured_costs_replace_the_cost_model_and_leave_the_network() {
        let modelled = [3 * 8 * 8, 4];
        assert_eq!(activations("mine", "mine", 2).unwrap(), modelled);
        assert_eq!(activations("mine", "mine/mine", 2).unwrap(), modelled, "by its sub-network's name");
        assert_eq!(activations("other", "other", 3).unwrap(), [0; 3], "only its costs are known");
        assert_eq!(activations("fbnet_c", "fbnet_c", 3).unwrap(), [0; 3], "another network of that name");
    }

    /// A chain of its rows would neither skip nor exit.
    #[test]
    fn costs_of_a_network_that_branches_are_of_all_its_layers() {
        let error = activations("skip_net", "skip_net", 3).unwrap_err().to_string();
        let says = "s.toml:4: `skip_net` skips or exits and has 137 layers, the cost table 3; give one row per layer";
        assert!(error.starts_with(says), "{error}");
    }

    #[test]
    fn costs_of_a_subnetwork_that_is_not_there_are_not_passed_over() {
        let error = activations("mine", "mine/mien", 2).unwrap_err().to_string();
        let says = "s.toml:4: unknown sub-network of `mine` in the cost table `mien`; did you mean `mine`?";
        assert_eq!(error, says);
    }

    #[test]
    fn a_cost_table_must_fit_its_layer_table() {
        let error = activations("mine", "mine", 3).unwrap_err().to_string();
        let says = "s.toml:4: `mine/mine` has 2 layers, the cost table 3; give one row per layer and kind";
        assert_eq!(error, says);
    }
}
