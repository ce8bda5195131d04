//! Layers put together to networks: whose each is by its column `network`, and what sub-networks share.

use std::collections::HashMap;

use crate::input::InputError;
use crate::network::{Layer, Network, SubNetwork};

/// The networks of a table, as far as it was read.
pub(super) struct Assembly<'s> {
    origin: &'s str,
    tables: Vec<Table>,
    /// By name, the index of each network.
    networks: HashMap<String, usize>,
    /// By the text of the column, the network and which of its sub-networks.
    places: HashMap<String, (usize, usize)>,
}

struct Table {
    name: String,
    line: usize,
    /// Whether it stands without a sub-network.
    is_plain: bool,
    parts: Vec<Part>,
}

/// A sub-network, the lines of its layers, and the one that has its accuracy.
struct Part {
    sub: SubNetwork,
    lines: Vec<usize>,
    accuracy_line: usize,
}

impl<'s> Assembly<'s> {
    pub(super) fn new(origin: &'s str) -> Self {
        Self { origin, tables: Vec::new(), networks: HashMap::new(), places: HashMap::new() }
    }

    /// Adds a row: the next layer of what `name` says, and that one's accuracy if the row has it.
    pub(super) fn add(
        &mut self,
        line: usize,
        name: &str,
        layer: Layer,
        accuracy: Option<f64>,
    ) -> Result<(), InputError> {
        let (network, part) = match self.places.get(name) {
            Some(&place) => place,
            None => self.begin(line, name)?,
        };
        let Part { sub, lines, accuracy_line } = &mut self.tables[network].parts[part];
        sub.layers.push(layer);
        lines.push(line);
        match (sub.accuracy, accuracy) {
            (Some(before), Some(now)) if before != now => {
                let what = format!(
                    "`{name}` has an accuracy_percent of {now}, but {before} on line {accuracy_line}"
                );
                return Err(self.error(line, what, "give it once"));
            }
            (None, Some(_)) => (sub.accuracy, *accuracy_line) = (accuracy, line),
            _ => {}
        }
        Ok(())
    }

    /// Makes room for what `name` says, `NETWORK` or `NETWORK/SUBNETWORK`.
    fn begin(&mut self, line: usize, name: &str) -> Result<(usize, usize), InputError> {
        let (network, sub) = match *name.split('/').collect::<Vec<_>>() {
            [network] => (network, None),
            [network, sub] if !network.is_empty() && !sub.is_empty() => (network, Some(sub)),
            _ => {
                let what = format!("network is `{name}`");
                return Err(self.error(line, what, "give NETWORK or NETWORK/SUBNETWORK"));
            }
        };
        let index = *self.networks.entry(network.into()).or_insert(self.tables.len());
        match self.tables.get(index) {
            Some(table) if table.is_plain || sub.is_none() => {
                let other = if table.is_plain { "" } else { "/SUBNETWORK" };
                let what = format!("network is `{name}`, but from line {} on `{network}{other}`", table.line);
                return Err(self.error(line, what, "name a sub-network in all of its rows, or in none"));
            }
            Some(_) => {}
            None => {
                let is_plain = sub.is_none();
                self.tables.push(Table { name: network.into(), line, is_plain, parts: Vec::new() });
            }
        }
        let parts = &mut self.tables[index].parts;
        let sub = SubNetwork::new(sub.unwrap_or(network).to_string(), Vec::new());
        parts.push(Part { sub, lines: Vec::new(), accuracy_line: line });
        let place = (index, parts.len() - 1);
        self.places.insert(name.into(), place);
        Ok(place)
    }

    /// The networks, each with the line on which it begins.
    pub(super) fn finish(mut self) -> Result<Vec<(usize, Network)>, InputError> {
        let tables = std::mem::take(&mut self.tables);
        tables.into_iter().map(|table| self.network(table)).collect()
    }

    /// A frame may change to the next lighter sub-network wherever a layer that they share ends: up to there all
    /// layers are equal, and so is all that they left for those behind, skipped or not.
    fn network(&self, table: Table) -> Result<(usize, Network), InputError> {
        let Table { name, line, parts, .. } = table;
        let mut subnetworks: Vec<SubNetwork> = Vec::with_capacity(parts.len());
        for Part { mut sub, lines, accuracy_line } in parts {
            let at = format!("{name}/{}", sub.name);
            let error = |layer: usize, what: String, remedy| {
                self.error(lines[layer], format!("{at}: {what}"), remedy)
            };
            sub.check_layers().map_err(|(layer, what)| error(layer, what, "mend the layer"))?;
            if let Some(heavier) = subnetworks.last_mut() {
                let both = heavier.layers.iter().zip(&sub.layers);
                sub.shared_prefix = both.take_while(|(heavy, light)| heavy == light).count();
                sub.check_prefix(Some(heavier)).map_err(|what| error(0, what, "name the heaviest first"))?;
                heavier.switch_points = (1..=sub.shared_prefix).collect();
            }
            self.check_accuracy(&name, &sub, &subnetworks, accuracy_line)?;
            subnetworks.push(sub);
        }
        let source = format!("layer table {}", self.origin);
        let (title, lookup_params) = (name.clone().into(), 0);
        Ok((line, Network { name: name.into(), title, source: source.into(), lookup_params, subnetworks }))
    }

    /// Refuses a sub-network that is known to be more accurate than a heavier one: floors of accuracy take it that
    /// accuracy falls, and what is given up would be less than nothing.
    fn check_accuracy(
        &self,
        name: &str,
        sub: &SubNetwork,
        heavier: &[SubNetwork],
        line: usize,
    ) -> Result<(), InputError> {
        let known = |sub: &SubNetwork| sub.accuracy.filter(|&percent| percent > 0.0);
        let least = heavier.iter().rev().find_map(|heavy| Some((heavy, known(heavy)?)));
        let (Some(ours), Some((heavy, theirs))) = (known(sub), least) else { return Ok(()) };
        if ours <= theirs {
            return Ok(());
        }
        let what = format!(
            "`{name}/{}` has an accuracy_percent of {ours}, but `{name}/{}`, which is heavier, {theirs}",
            sub.name, heavy.name
        );
        Err(self.error(line, what, "leave the heavier one out, or mend the accuracy"))
    }

    fn error(&self, line: usize, what: String, remedy: &str) -> InputError {
        InputError::new(self.origin, what, remedy).at_line(line)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::{HEADER, parse};
    use super::*;
    use crate::input::Source;
    use crate::network::{Branch, all};

    fn read(rows: &str) -> Result<Vec<(usize, Network)>, InputError> {
        let text = format!("{HEADER},branch,accuracy_percent\n{rows}");
        parse(&Source { origin: "n.csv".into(), text })
    }

    /// A 1 x 1 convolution with so many outputs.
    fn row(network: &str, layer: &str, k: u32, more: &str) -> String {
        format!("{network},{layer},conv,{k},8,4,4,1,1,1,1,{more}\n")
    }

    #[test]
    fn rows_of_sub_networks_become_one_supernet_in_the_order_of_their_names() {
        let rows = [
            row("room/full", "stem", 8, ",75.5"),
            row("room/half", "stem", 8, ","),
            row("plain", "stem", 8, "exit 0.25,"),
            row("room/full", "gate", 2, "skip 1 0.5,"),
            row("room/half", "gate", 2, "skip 1 0.5,70"),
            row("room/tiny", "stem", 8, ","),
            row("room/full", "body", 8, ",75.5"),
            row("room/half", "body", 4, ","),
            row("room/full", "out", 3, ","),
            row("room/half", "out", 3, ","),
            row("room/tiny", "gate", 2, "skip 1 0.4,"),
            row("room/tiny", "out", 3, ","),
            row("plain", "out", 8, "next,60"),
        ];
        let networks = read(&rows.concat()).unwrap();
        let [(2, room), (4, plain)] = &networks[..] else { panic!("two networks: {networks:?}") };
        assert_eq!((room.name.as_ref(), plain.name.as_ref()), ("room", "plain"));
        let said = |network: &Network| -> Vec<String> {
            let of =
                |SubNetwork { name, accuracy, layers, shared_prefix, switch_points, .. }: &SubNetwork| {
                    let accuracy = accuracy.unwrap_or(0.0);
                    format!(
                        "{name} {accuracy} %: {shared_prefix} of {} shared, {switch_points:?}",
                        layers.len()
                    )
                };
            network.subnetworks.iter().map(of).collect()
        };
        // The gate of `tiny` skips less often, so it is another layer.
        let subnetworks = [
            "full 75.5 %: 0 of 4 shared, [1, 2]",
            "half 70 %: 2 of 4 shared, [1]",
            "tiny 0 %: 1 of 3 shared, []",
        ];
        assert_eq!(said(room), subnetworks);
        assert_eq!(said(plain), ["plain 60 %: 0 of 2 shared, []"]);
        assert_eq!(plain.subnetworks[0].reach_probabilities(), [1.0, 0.75]);
        assert_eq!(room.subnetworks[0].reach_probabilities(), [1.0, 1.0, 0.5, 1.0]);
        assert!(networks.iter().all(|(_, network)| network.check().is_ok()));
    }

    /// A layer table as somebody else would write it.
    fn written(network: &Network) -> String {
        let mut rows = String::new();
        for sub in &network.subnetworks {
            for (index, layer) in sub.layers.iter().enumerate() {
                let Layer { name, k, c, r, s, stride, groups, branch, .. } = layer;
                let rows_and_columns =
                    [(layer.out_y, r), (layer.out_x, s)].map(|(out, window)| (out - 1) * stride + window);
                let [y, x] = rows_and_columns;
                let branch = match branch {
                    Branch::Next => String::new(),
                    Branch::Exit { probability } => format!("exit {probability:.6}"),
                    Branch::Skip { layers, probability } => format!("skip {layers} {probability:.6}"),
                };
                let accuracy =
                    sub.accuracy.filter(|_| index == 0).map_or_else(String::new, |a| a.to_string());
                let op = layer.op.name();
                let _ = writeln!(
                    rows,
                    "{}/{},{name},{op},{k},{c},{y},{x},{r},{s},{stride},{groups},{branch},{accuracy}",
                    network.name, sub.name
                );
            }
        }
        rows
    }

    #[test]
    fn networks_of_the_zoo_that_are_written_as_tables_are_what_they_were() {
        let (mut supernets, mut branching) = (0, 0);
        for ours in all() {
            let [(2, read)] = &read(&written(&ours)).unwrap()[..] else {
                panic!("one network from line 2 on")
            };
            assert_eq!(read.check(), Ok(()));
            assert_eq!(read.subnetworks.len(), ours.subnetworks.len(), "{}", ours.name);
            for (read, ours) in read.subnetworks.iter().zip(&ours.subnetworks) {
                assert_eq!(read.layers, ours.layers, "{}", ours.name);
                assert_eq!((&read.name, read.accuracy), (&ours.name, ours.accuracy));
                assert_eq!(read.shared_prefix, ours.shared_prefix, "{}", ours.name);
                assert_eq!((read.macs(), read.params()), (ours.macs(), ours.params()), "{}", ours.name);
                assert_eq!(read.expected_macs(), ours.expected_macs(), "{}", ours.name);
                // The zoo's are at the ends of stages only.
                assert!(ours.switch_points.iter().all(|point| read.switch_points.contains(point)));
            }
            supernets += usize::from(ours.subnetworks.len() > 1);
            branching += usize::from(ours.branches());
        }
        assert_eq!((supernets, branching), (1, 2));
    }

    #[test]
    fn what_does_not_fit_together_is_named_with_its_line() {
        let (stem, same) = (row("a", "stem", 8, ","), row("a/full", "stem", 8, ","));
        let floor = |percent: &str| row("a/full", "out", 8, &format!(",{percent}"));
        let number = "give a number from 0 to 100, or nothing";
        let branch =
            "give next, exit P or skip N P, where P is a probability from 0 to 1 and N at least 1 layer";
        let everywhere = "name a sub-network in all of its rows, or in none";
        let cases = [
            (
                stem.clone() + &same,
                format!("n.csv:3: network is `a/full`, but from line 2 on `a`; {everywhere}"),
            ),
            (
                same.clone() + &stem,
                format!("n.csv:3: network is `a`, but from line 2 on `a/SUBNETWORK`; {everywhere}"),
            ),
            (row("a/", "l", 8, ","), "n.csv:2: network is `a/`; give NETWORK or NETWORK/SUBNETWORK".into()),
            (row("/b", "l", 8, ","), "n.csv:2: network is `/b`; give NETWORK or NETWORK/SUBNETWORK".into()),
            (
                row("a/b/c", "l", 8, ","),
                "n.csv:2: network is `a/b/c`; give NETWORK or NETWORK/SUBNETWORK".into(),
            ),
            (
                same.clone() + &row("a/half", "stem", 7, ",") + &row("a/half", "out", 2, ","),
                "n.csv:3: a/half: heavier than full, which comes before it; name the heaviest first".into(),
            ),
            (
                floor("70") + &stem.replace("a,", "a/full,") + &floor("71").replace("out", "end"),
                "n.csv:4: `a/full` has an accuracy_percent of 71, but 70 on line 2; give it once".into(),
            ),
            (floor("101"), format!("n.csv:2: accuracy_percent is `101`; {number}")),
            (floor("-1"), format!("n.csv:2: accuracy_percent is `-1`; {number}")),
            (floor("NaN"), format!("n.csv:2: accuracy_percent is `NaN`; {number}")),
            (floor("inf"), format!("n.csv:2: accuracy_percent is `inf`; {number}")),
            (floor("good"), format!("n.csv:2: accuracy_percent is `good`; {number}")),
            (
                same.clone() + &row("a/full", "out", 8, "exit,"),
                format!("n.csv:3: branch is `exit`; {branch}"),
            ),
            (row("a", "out", 8, "exit 1.5,"), format!("n.csv:2: branch is `exit 1.5`; {branch}")),
            (row("a", "out", 8, "skip 0 0.5,"), format!("n.csv:2: branch is `skip 0 0.5`; {branch}")),
            (
                row("b", "out", 8, ",") + &same + &row("a/half", "out", 8, "skip 1 0.5,"),
                "n.csv:4: a/half: layer out: skips beyond the end; mend the layer".into(),
            ),
        ];
        for (rows, says) in cases {
            assert_eq!(read(&rows).unwrap_err().to_string(), says, "{rows}");
        }
    }

    /// A sub-network that is the beginning of the heavier one, or all of it, has no layer to go on with.
    #[test]
    fn a_sub_network_may_be_a_part_of_the_heavier_one_or_the_same() {
        let full = row("a/full", "stem", 8, ",80") + &row("a/full", "out", 8, ",");
        for (light, shared) in [(full.replace("full", "half"), 2), (row("a/half", "stem", 8, ",80"), 1)] {
            let [(_, network)] = &read(&(full.clone() + &light)).unwrap()[..] else { panic!("one network") };
            assert_eq!(network.subnetworks[1].shared_prefix, shared);
            assert_eq!(network.check(), Ok(()));
        }
    }
}
