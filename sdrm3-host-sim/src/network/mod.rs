//! Networks: the built-in zoo of published architectures, and the type that an importer fills.
//!
//! Every zoo network is rebuilt from its paper; its file says which table it follows and what had
//! to be assumed. Weights carry no biases and no normalisation, which are folded at inference.

use std::borrow::Cow;
use std::collections::HashSet;

pub mod builder;
pub mod layer;
pub mod table;

mod depth;
mod ed_tcn;
mod fbnet;
mod gnmt;
mod googlenet;
mod hand_pose;
mod kws;
mod library;
mod ofa;
mod rapid_rl;
mod skip_net;
mod sos_net;
mod ssd_mobilenet;
mod trail_net;
mod voxceleb;

#[cfg(test)]
mod tests;

pub use layer::{Branch, Layer, Op};
pub use library::Library;

/// A network with one or more sub-networks, heavy to light.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Key in files and on the command line, snake case.
    pub name: Cow<'static, str>,
    /// Name for people.
    pub title: Cow<'static, str>,
    /// Where the architecture and its published figures come from, and what was reconstructed.
    pub source: Cow<'static, str>,
    /// Parameters that are only looked up (embedding tables): they take memory, but no layer
    /// multiplies with them.
    pub lookup_params: u64,
    /// Sub-networks, ordered heavy to light; at least one.
    pub subnetworks: Vec<SubNetwork>,
}

/// One runnable variant of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct SubNetwork {
    /// Name within the network, unique there.
    pub name: Cow<'static, str>,
    /// Top-1 accuracy or the task's metric as published, in percent.
    pub accuracy: Option<f64>,
    /// Figures as published, for comparison.
    pub published: Published,
    /// Layers in the order of execution.
    pub layers: Vec<Layer>,
    /// Leading layers that are identical to those of the next heavier sub-network, so that
    /// finished work can be reused; 0 for the heaviest.
    pub shared_prefix: usize,
    /// Indices of the layers before which a switch to the next lighter sub-network is sensible
    /// (stage boundaries inside the prefix that the two share), ascending.
    pub switch_points: Vec<usize>,
}

/// What a paper says of a network's size; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Multiply-accumulates of one frame.
    pub macs: Option<u64>,
    /// Parameters, lookup tables included.
    pub params: Option<u64>,
}

impl Network {
    /// Whether a frame may skip layers of it, or leave it early.
    pub fn branches(&self) -> bool {
        self.subnetworks.iter().flat_map(|sub| &sub.layers).any(|layer| layer.branch != Branch::Next)
    }

    /// A network without variants.
    pub fn single(
        name: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
        source: impl Into<Cow<'static, str>>,
        subnetwork: SubNetwork,
    ) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            source: source.into(),
            lookup_params: 0,
            subnetworks: vec![subnetwork],
        }
    }

    /// Leading layers that sub-network `to` has in common with the heavier sub-network `from`
    /// (indices, `from` < `to`): what a frame keeps when it changes between them.
    pub fn shared_layers(&self, from: usize, to: usize) -> usize {
        self.subnetworks[from + 1..=to].iter().map(|sub| sub.shared_prefix).min().unwrap_or(0)
    }

    /// Checks what the simulator relies on; the error says what is wrong and where.
    pub fn check(&self) -> Result<(), String> {
        let fail = |message: &str| Err(format!("{}: {message}", self.name));
        if self.subnetworks.is_empty() {
            return fail("no sub-networks");
        }
        let mut names = HashSet::new();
        for (index, sub) in self.subnetworks.iter().enumerate() {
            let at = |message: String| format!("{}/{}: {message}", self.name, sub.name);
            if !names.insert(&sub.name) {
                return fail(&format!("sub-network {} appears twice", sub.name));
            }
            sub.check_layers().map_err(|(_, what)| at(what))?;
            let lighter = self.subnetworks.get(index + 1);
            sub.check_switch_points(lighter).map_err(at)?;
            let heavier = index.checked_sub(1).map(|index| &self.subnetworks[index]);
            sub.check_prefix(heavier).map_err(at)?;
        }
        Ok(())
    }
}

impl SubNetwork {
    /// A sub-network that shares nothing.
    pub fn new(name: impl Into<Cow<'static, str>>, layers: Vec<Layer>) -> Self {
        Self {
            name: name.into(),
            accuracy: None,
            published: Published::default(),
            layers,
            shared_prefix: 0,
            switch_points: Vec::new(),
        }
    }

    /// With the published multiply-accumulates of one frame and parameters.
    #[must_use]
    pub fn published(mut self, macs: Option<u64>, params: Option<u64>) -> Self {
        self.published = Published { macs, params };
        self
    }

    /// With the published accuracy in percent.
    #[must_use]
    pub fn accuracy(mut self, percent: f64) -> Self {
        self.accuracy = Some(percent);
        self
    }

    /// Multiply-accumulates of one frame on the heaviest path: nothing skipped, no early exit.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(Layer::macs).sum()
    }

    /// Multiply-accumulates of one frame on average over skips and early exits.
    pub fn expected_macs(&self) -> f64 {
        let reached = self.reach_probabilities();
        self.layers.iter().zip(reached).map(|(layer, p)| p * layer.macs() as f64).sum()
    }

    /// Parameters of all layers.
    pub fn params(&self) -> u64 {
        self.layers.iter().map(Layer::params).sum()
    }

    /// For each layer, the probability that a frame runs it.
    pub fn reach_probabilities(&self) -> Vec<f64> {
        let mut reached = vec![0.0; self.layers.len()];
        if let Some(first) = reached.first_mut() {
            *first = 1.0;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let here = reached[index];
            let mut pass = |target: usize, probability: f64| {
                if let Some(p) = reached.get_mut(target) {
                    *p += here * probability;
                }
            };
            match layer.branch {
                Branch::Next => pass(index + 1, 1.0),
                Branch::Skip { layers, probability } => {
                    pass(index + 1, 1.0 - probability);
                    pass(index + 1 + usize::from(layers), probability);
                }
                Branch::Exit { probability } => pass(index + 1, 1.0 - probability),
            }
        }
        reached
    }

    /// The error is of the layer of that index.
    fn check_layers(&self) -> Result<(), (usize, String)> {
        let count = self.layers.len();
        if count == 0 {
            return Err((0, "no layers".into()));
        }
        if count > usize::from(u16::MAX) {
            return Err((0, format!("{count} layers are more than {}", u16::MAX)));
        }
        let mut names = HashSet::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let fail = |message: &str| Err((index, format!("layer {}: {message}", layer.name)));
            if !names.insert(&layer.name) {
                return fail("the name appears twice");
            }
            let Layer { k, c, out_y, out_x, r, s, stride, groups, outside, .. } = *layer;
            if [k, c, out_y, out_x, r, s, stride, groups].contains(&0) {
                return fail("a dimension is zero");
            }
            if !layer.is_countable() {
                return fail("too large: more than 1e14 multiplications, or a side of more than 2^32");
            }
            if outside[0] >= r || outside[1] >= s {
                return fail("the window lies outside the input");
            }
            if c % groups != 0 || k % groups != 0 {
                return fail("groups do not divide c and k");
            }
            match layer.op {
                Op::Depthwise if groups != c => return fail("depthwise needs as many groups as channels"),
                Op::FullyConnected if (out_x, r, s, stride, groups) != (1, 1, 1, 1, 1) => {
                    return fail("fully connected has no window");
                }
                _ => {}
            }
            match layer.branch {
                Branch::Skip { layers, .. } if index + 1 + usize::from(layers) > count => {
                    return fail("skips beyond the end");
                }
                Branch::Skip { probability, .. } | Branch::Exit { probability }
                    if !(0.0..=1.0).contains(&probability) =>
                {
                    return fail("a probability lies outside 0 to 1");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Switch points must be ascending and reusable by the next lighter sub-network.
    fn check_switch_points(&self, lighter: Option<&SubNetwork>) -> Result<(), String> {
        if !self.switch_points.is_sorted_by(|a, b| a < b) {
            return Err("switch points are not ascending".into());
        }
        let shared = lighter.map_or(0, |sub| sub.shared_prefix);
        match self.switch_points.iter().find(|&&point| point == 0 || point > shared) {
            Some(point) => Err(format!("switch point {point} lies outside the shared {shared} layers")),
            None => Ok(()),
        }
    }

    /// The prefix must be that of the next heavier sub-network, which must indeed be heavier.
    fn check_prefix(&self, heavier: Option<&SubNetwork>) -> Result<(), String> {
        let shared = self.shared_prefix;
        let Some(heavier) = heavier else {
            return if shared == 0 { Ok(()) } else { Err("the heaviest shares no prefix".into()) };
        };
        if self.macs() > heavier.macs() {
            return Err(format!("heavier than {}, which comes before it", heavier.name));
        }
        match (self.layers.get(..shared), heavier.layers.get(..shared)) {
            (Some(own), Some(other)) if own == other => Ok(()),
            _ => Err(format!("the first {shared} layers differ from {}", heavier.name)),
        }
    }
}

/// All networks of the zoo.
pub fn all() -> Vec<Network> {
    vec![
        fbnet::network(),
        ssd_mobilenet::network(),
        hand_pose::network(),
        ofa::network(),
        kws::network(),
        gnmt::network(),
        skip_net::network(),
        trail_net::network(),
        sos_net::network(),
        rapid_rl::network(),
        googlenet::network(),
        depth::network(),
        ed_tcn::network(),
        voxceleb::network(),
    ]
}

/// The zoo network with this key.
pub fn find(name: &str) -> Option<Network> {
    all().into_iter().find(|network| network.name == name)
}
