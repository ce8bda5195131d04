//! Measured costs: `network,layer,kind,latency_ns,energy_nj`, one row per layer and kind.
//!
//! They replace the built-in cost model for the networks they name, and may name networks that the
//! zoo does not have. A sub-network is named `network/subnetwork`. Layers that are all numbers are
//! put in their order; else they keep the order in which the file first names them.

use std::collections::HashMap;

use sdrm3_core::Cost;
use serde::Deserialize;

use super::Scenario;
use crate::input::{InputError, Source, closest};

/// Measured costs by network, layer and kind of accelerator.
#[derive(Clone, Debug, Default)]
pub struct CostTable {
    origin: String,
    networks: HashMap<String, Rows>,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    /// Labels in order of execution.
    layers: Vec<String>,
    /// By index into `layers`, and kind.
    costs: HashMap<(usize, String), Cost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    network: String,
    layer: String,
    kind: String,
    latency_ns: f64,
    energy_nj: f64,
}

const HEADER: &str = "network,layer,kind,latency_ns,energy_nj";

impl CostTable {
    /// Reads and validates a file.
    pub fn load(path: &str) -> Result<Self, InputError> {
        Self::parse(&Source::read(path)?)
    }

    /// Parses and validates.
    pub fn parse(source: &Source) -> Result<Self, InputError> {
        let mut table = Self { origin: source.origin.clone(), networks: HashMap::new() };
        let mut labels: HashMap<(String, String), usize> = HashMap::new();
        source.parse_csv(HEADER, |line, row: Row| {
            let names = [("network", &*row.network), ("layer", &row.layer), ("kind", &row.kind)];
            source.check_cells(line, &names)?;
            let cost = Cost {
                // Only 0 says that it does not run there, not what is rounded to it.
                latency_ns: table
                    .quantity(line, "latency_ns", row.latency_ns)?
                    .max(u32::from(row.latency_ns > 0.0)),
                energy_nj: table.quantity(line, "energy_nj", row.energy_nj)?,
            };
            let rows = table.networks.entry(row.network.clone()).or_default();
            let index = *labels.entry((row.network, row.layer.clone())).or_insert_with(|| {
                rows.layers.push(row.layer.clone());
                rows.layers.len() - 1
            });
            if rows.costs.insert((index, row.kind.clone()), cost).is_some() {
                let what = format!("a second row for layer `{}` on `{}`", row.layer, row.kind);
                return Err(InputError::new(&table.origin, what, "remove one").at_line(line));
            }
            Ok(())
        })?;
        if table.networks.is_empty() {
            return Err(table.error(1, "the table has no rows".into(), HEADER));
        }
        table.networks.values_mut().for_each(Rows::order);
        Ok(table)
    }

    /// Whether it has costs of that network.
    pub fn names(&self, network: &str) -> bool {
        self.networks.contains_key(network)
    }

    /// Refuses a table that these scenarios do not use: none of their models runs a network of it.
    pub fn check_used<'s>(
        &self,
        scenarios: impl IntoIterator<Item = &'s Scenario>,
    ) -> Result<(), InputError> {
        let models = scenarios.into_iter().flat_map(|scenario| &scenario.models);
        let mut run: Vec<&str> = models.map(|model| model.network.as_str()).collect();
        run.sort_unstable();
        run.dedup();
        let mut measured = self.networks();
        measured.iter_mut().for_each(|name| *name = name.split('/').next().unwrap_or(name));
        if run.iter().any(|network| measured.contains(network) || self.names(network)) {
            return Ok(());
        }
        let first = measured.first().copied().unwrap_or_default();
        let remedy = match closest(first, &run) {
            Some(network) => format!("did you mean `{network}`?"),
            None if run.is_empty() => "leave it out: all have costs of their own".into(),
            None => format!("they run {}", run.join(", ")),
        };
        let others =
            if measured.iter().any(|other| *other != first) { ", or another network of it" } else { "" };
        let what = format!("the table is not used: no model runs `{first}`{others}");
        Err(InputError::new(&self.origin, what, remedy))
    }

    /// Of the names `network/sub-network` of a network, the sub-networks.
    pub(super) fn subnetworks<'n>(&'n self, network: &'n str) -> impl Iterator<Item = &'n str> {
        let of = move |name: &'n String| name.strip_prefix(network)?.strip_prefix('/');
        self.networks.keys().filter_map(of)
    }

    /// The networks that it names, sorted.
    pub fn networks(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.networks.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Costs of a network's layers, in order of execution, on accelerators of these kinds.
    ///
    /// A latency of zero says that the layer cannot run there.
    pub fn layers(&self, network: &str, kinds: &[&str]) -> Result<Vec<Vec<Cost>>, InputError> {
        let Some(rows) = self.networks.get(network) else {
            let what = format!("the table has no rows for network `{network}`");
            return Err(InputError::new(&self.origin, what, "add them"));
        };
        let of_layer = |(index, label): (usize, &String)| {
            let on = |kind: &&str| {
                rows.costs.get(&(index, (*kind).to_string())).copied().ok_or_else(|| {
                    let what = format!("network `{network}` has no row for layer `{label}` on `{kind}`");
                    let remedy = "add it (a latency of 0 says that the layer cannot run there)";
                    InputError::new(&self.origin, what, remedy)
                })
            };
            kinds.iter().map(on).collect()
        };
        rows.layers.iter().enumerate().map(of_layer).collect()
    }

    /// How the rows of a network call its layers, in the order of [`Self::layers`].
    pub(super) fn labels(&self, network: &str) -> &[String] {
        self.networks.get(network).map_or(&[], |rows| &rows.layers)
    }

    fn quantity(&self, line: usize, column: &str, value: f64) -> Result<u32, InputError> {
        if (0.0..=f64::from(u32::MAX)).contains(&value) {
            return Ok(value.round() as u32);
        }
        let remedy = format!("a number from 0 to {} (4.29 s, 4.29 J)", u32::MAX);
        Err(self.error(line, format!("{column} is {value}"), &remedy))
    }

    fn error(&self, line: usize, what: String, expected: &str) -> InputError {
        InputError::new(&self.origin, what, format!("expected: {expected}")).at_line(line)
    }
}

impl Rows {
    /// Numbered layers run in the order of their numbers.
    fn order(&mut self) {
        let Ok(numbers) = self.layers.iter().map(|label| label.parse()).collect::<Result<Vec<u64>, _>>()
        else {
            return;
        };
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by_key(|&index| numbers[index]);
        let mut place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        self.layers = order.iter().map(|&old| self.layers[old].clone()).collect();
        self.costs = self.costs.drain().map(|((old, kind), cost)| ((place[old], kind), cost)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rows: &str) -> Result<CostTable, InputError> {
        CostTable::parse(&Source { origin: "c.csv".into(), text: format!("{HEADER}\n{rows}") })
    }

    #[test]
    fn numbered_layers_run_in_the_order_of_their_numbers() {
        let table = parse("n,10,ws,3,0\nn,2,ws,2,0\nn,1,ws,1,0\n").unwrap();
        let latencies: Vec<u32> =
            table.layers("n", &["ws"]).unwrap().iter().map(|on| on[0].latency_ns).collect();
        assert_eq!(latencies, [1, 2, 3]);
    }

    #[test]
    fn a_layer_that_takes_less_than_half_a_nanosecond_runs() {
        let table = parse("n,0,ws,0.3,0\nn,0,os,0,0\n").unwrap();
        let row = &table.layers("n", &["ws", "os"]).unwrap()[0];
        assert_eq!((row[0].latency_ns, row[1].latency_ns), (1, 0));
    }

    #[test]
    fn bad_rows_are_named_with_their_line() {
        for (rows, says) in [
            ("n,1,ws,-5,0\n", "c.csv:2: latency_ns is -5"),
            ("n,1,ws,5,NaN\n", "c.csv:2: energy_nj is NaN"),
            ("n,1,ws,5e9,1\n", "c.csv:2: latency_ns is 5000000000"),
            ("n,1,ws,5,1\nn,1,ws,6,1\n", "c.csv:3: a second row for layer `1` on `ws`"),
            ("n,1,ws,fast,1\n", "c.csv:2:"),
            ("n,1,ws,5\n", "c.csv:2:"),
            ("", "c.csv:1: the table has no rows"),
        ] {
            let error = parse(rows).unwrap_err().to_string();
            assert!(error.contains(says), "{rows:?}: {error}");
        }
    }

    #[test]
    fn a_needed_row_that_is_missing_is_named() {
        let error = parse("n,1,ws,5,1\n").unwrap().layers("n", &["ws", "os"]).unwrap_err();
        assert!(error.to_string().contains("no row for layer `1` on `os`"), "{error}");
    }
}
