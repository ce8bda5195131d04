//! Files of MAESTRO and of XRBench, which builds on it: usage scenarios and networks ([`scenario`]),
//! hardware ([`hardware`]) and dataflows ([`dataflows`]).
//!
//! ```text
//! Network Eye {                       // a model and its network
//!   FPS: 60  Probability: 0.2         // XRBench: its frame rate, its share of its parent's frames
//!   Dependency: { Face }              // XRBench: its parent
//!   Layer conv1 {
//!     Type: CONV                      // or DSCONV: depthwise, K outputs for each of C channels
//!     Stride { X: 1, Y: 1 }           // optional
//!     Dimensions: { N: 1, K: 32, C: 3, Y: 226, X: 226, R: 3, S: 3 }
//!   }
//! }
//! ```
//!
//! `Y` and `X` are sizes of the input, padding included: there are `(Y - R) / stride + 1` rows of
//! output, one if the input is smaller than the window. `Y'` and `X'` are sizes of the output. Colons
//! may be left out. The mapping of single layers is skipped, and noted: here the accelerator has one.

mod hardware;
#[cfg(test)]
mod tests;
mod tokens;

pub use hardware::{Hardware, dataflows, hardware};

use std::collections::HashSet;

use super::{ImportedModel, ImportedScenario};
use crate::input::{InputError, Source, closest};
use crate::network::{Branch, Layer, Network, Op, SubNetwork};
use tokens::{Token, Tokens, shown};

/// Reads networks and, if they have frame rates, the scenario that they make up.
pub fn scenario(source: &Source) -> Result<ImportedScenario, InputError> {
    let mut tokens = Tokens::new(source);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut notes = Notes::default();
    while let Some(token) = tokens.next() {
        match token.text {
            "Network" => entries.push(Entry::read(&mut tokens, &mut notes)?),
            "Constant" => while tokens.next().is_some_and(|token| token.text != ";") {},
            _ => return Err(tokens.unexpected(Some(token), "`Network`")),
        }
    }
    if entries.is_empty() {
        return Err(tokens.unexpected(None, "`Network`"));
    }
    let models = models(&tokens, &entries)?;
    let mut texts = notes.texts();
    if models.is_empty() {
        texts.push("no network has a frame rate (`FPS`): no scenario".into());
    }
    let networks = entries.into_iter().map(|entry| entry.network).collect();
    Ok(ImportedScenario { models, networks, notes: texts })
}

/// What was read but has no counterpart here.
#[derive(Default)]
struct Notes {
    /// Layers with a mapping of their own.
    mapped: usize,
    /// Layers whose input is smaller than their window, by network.
    small: Vec<(String, usize)>,
}

impl Notes {
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        if self.mapped > 0 {
            texts.push(format!("the dataflows of {} layers: here each accelerator has one", self.mapped));
        }
        for (network, layers) in &self.small {
            texts.push(format!(
                "{network}: {layers} layers have an input smaller than their window; they are given one output, \
                 as MAESTRO costs them"
            ));
        }
        texts
    }
}

/// A network with what XRBench says of its frames.
struct Entry<'s> {
    name: Token<'s>,
    network: Network,
    fps: Option<f64>,
    probability: Option<f64>,
    parent: Option<Token<'s>>,
}

impl<'s> Entry<'s> {
    fn read(tokens: &mut Tokens<'s>, notes: &mut Notes) -> Result<Self, InputError> {
        let name = tokens.word("the network's name")?;
        if name.text.contains('/') {
            let what = format!(
                "network `{}` has a slash, which in layer tables names sub-networks",
                shown(name.text)
            );
            return Err(tokens.error_at(name, what, "write `_` instead"));
        }
        let (mut fps, mut probability, mut parent) = (None, None, None);
        let mut layers: Vec<Layer> = Vec::new();
        let mut names = HashSet::new();
        let (mut small, mut mapped) = (0, 0);
        tokens.block("an entry of the network, or `}`,", |tokens, key| {
            match key.text {
                "FPS" => {
                    fps =
                        Some(tokens.number(key, "a frame rate above 0, at most 1e6", |v: &f64| {
                            *v > 0.0 && *v <= 1e6
                        })?);
                }
                "Probability" => {
                    let valid = |v: &f64| (0.0..=1.0).contains(v);
                    probability = Some(tokens.number(key, "a number from 0 to 1", valid)?);
                }
                "Dependency" => tokens.block("the name of a network", |tokens, token| {
                    if parent.replace(token).is_some() {
                        let what = format!("network `{}` depends on several others", shown(name.text));
                        return Err(tokens.error_at(token, what, "keep the one whose results it needs"));
                    }
                    Ok(())
                })?,
                "Layer" => {
                    let read = ReadLayer::read(tokens)?;
                    if !names.insert(read.name.text) {
                        let what = format!("a second layer has the name `{}`", shown(read.name.text));
                        return Err(tokens.error_at(read.name, what, "give each layer a name of its own"));
                    }
                    mapped += usize::from(read.has_dataflow);
                    let layer = read.layer(tokens)?;
                    small += usize::from(layer.outside != [0, 0]);
                    layers.push(layer);
                }
                _ => return Err(tokens.unknown(key, &["FPS", "Probability", "Dependency", "Layer"])),
            }
            Ok(())
        })?;
        notes.mapped += mapped;
        if small > 0 {
            notes.small.push((name.text.into(), small));
        }
        let sub = SubNetwork::new(name.text.to_string(), layers);
        let source = "imported from a file of MAESTRO";
        let network = Network::single(name.text.to_string(), name.text.to_string(), source, sub);
        network.check().map_err(|what| tokens.error_at(name, what, "mend the network"))?;
        Ok(Self { name, network, fps, probability, parent })
    }
}

/// The scenario that these networks make up: none if none has a frame rate.
fn models(tokens: &Tokens<'_>, entries: &[Entry<'_>]) -> Result<Vec<ImportedModel>, InputError> {
    let mut names = HashSet::new();
    for Entry { name, .. } in entries {
        if !names.insert(name.text) {
            let what = format!("a second network has the name `{}`", shown(name.text));
            return Err(tokens.error_at(*name, what, "give each network a name of its own"));
        }
    }
    if entries.iter().all(|entry| entry.fps.is_none()) {
        return Ok(Vec::new());
    }
    let model = |entry: &Entry<'_>| {
        if let (None, None) = (entry.fps, entry.parent) {
            let what = format!("network `{}` has no frame rate", shown(entry.name.text));
            return Err(tokens.error_at(entry.name, what, "add `FPS: ...`"));
        }
        if let (None, Some(_)) = (entry.parent, entry.probability.filter(|&p| p < 1.0)) {
            let what = format!("network `{}` has a probability but no parent", shown(entry.name.text));
            return Err(tokens.error_at(entry.name, what, "add `Dependency: { ... }`"));
        }
        if let Some(parent) = entry.parent.filter(|parent| !names.contains(parent.text)) {
            let known: Vec<&str> = entries.iter().map(|entry| entry.name.text).collect();
            let remedy = closest(parent.text, &known).map_or_else(
                || "name a network of this file".into(),
                |name| format!("did you mean `{name}`?"),
            );
            return Err(tokens.error_at(parent, format!("unknown network `{}`", shown(parent.text)), remedy));
        }
        Ok(ImportedModel {
            name: entry.name.text.to_lowercase(),
            network: entry.name.text.into(),
            fps: entry.fps,
            depends_on: entry.parent.map(|parent| parent.text.to_lowercase()),
            probability: entry.parent.and(entry.probability),
        })
    };
    entries.iter().map(model).collect()
}

/// A layer as the file has it.
struct ReadLayer<'s> {
    name: Token<'s>,
    op: Option<Op>,
    /// Dimensions by [`DIMENSIONS`].
    sizes: [Option<u32>; DIMENSIONS.len()],
    /// Of rows and columns.
    strides: [u32; 2],
    has_dataflow: bool,
}

const DIMENSIONS: [&str; 9] = ["N", "K", "C", "Y", "X", "R", "S", "Y'", "X'"];

impl<'s> ReadLayer<'s> {
    fn read(tokens: &mut Tokens<'s>) -> Result<Self, InputError> {
        let name = tokens.word("the layer's name")?;
        let mut layer =
            Self { name, op: None, sizes: [None; DIMENSIONS.len()], strides: [1, 1], has_dataflow: false };
        let size = |tokens: &mut Tokens<'s>, key| {
            tokens.number(key, "a whole number from 1 to 4294967295", |&n: &u32| n > 0)
        };
        tokens.block("an entry of the layer, or `}`,", |tokens, key| {
            match key.text {
                "Type" => {
                    tokens.accept(":");
                    let kind = tokens.word("the layer's type")?;
                    layer.op = Some(match kind.text {
                        "CONV" => Op::Conv,
                        "DSCONV" => Op::Depthwise,
                        other => {
                            let what = format!("layer `{}` has type `{}`", shown(name.text), shown(other));
                            let remedy = "write it as the CONV or DSCONV that does the same multiplications";
                            return Err(tokens.error_at(kind, what, remedy));
                        }
                    });
                }
                "Stride" => tokens.block("X, Y or `}`", |tokens, key| {
                    let place = match key.text {
                        "Y" => 0,
                        "X" => 1,
                        _ => return Err(tokens.unknown(key, &["X", "Y"])),
                    };
                    layer.strides[place] = size(tokens, key)?;
                    Ok(())
                })?,
                "Dimensions" => tokens.block("a dimension or `}`", |tokens, key| {
                    let place = DIMENSIONS.iter().position(|name| *name == key.text);
                    let place = place.ok_or_else(|| tokens.unknown(key, &DIMENSIONS))?;
                    layer.sizes[place] = Some(size(tokens, key)?);
                    Ok(())
                })?,
                "Dataflow" => {
                    layer.has_dataflow = true;
                    tokens.skip_block()?;
                }
                _ => return Err(tokens.unknown(key, &["Type", "Stride", "Dimensions", "Dataflow"])),
            }
            Ok(())
        })?;
        Ok(layer)
    }

    /// The same in our terms.
    fn layer(&self, tokens: &Tokens<'s>) -> Result<Layer, InputError> {
        let name = shown(self.name.text);
        let fail = |what: String, remedy: &str| Err(tokens.error_at(self.name, what, remedy));
        let [batch, k, c, in_y, in_x, r, s, out_y, out_x] = self.sizes;
        let (Some(op), Some(c), Some(r), Some(s)) = (self.op, c, r, s) else {
            return fail(format!("layer `{name}` lacks its type, or C, R or S"), "add them");
        };
        if batch.is_some_and(|batch| batch > 1) {
            return fail(format!("layer `{name}` has a batch of several frames"), "give it `N: 1`");
        }
        let depthwise = op == Op::Depthwise;
        let Some(k) = k.or(depthwise.then_some(1)) else {
            return fail(format!("layer `{name}` lacks K"), "add its output channels");
        };
        let Some(k) = (if depthwise { k.checked_mul(c) } else { Some(k) }) else {
            return fail(format!("layer `{name}` has K x C channels, more than 2^32"), "give smaller ones");
        };
        // Outputs, and how much of the window lies outside the input.
        let side = |input: Option<u32>, output: Option<u32>, window: u32, stride: u32| match (input, output) {
            (_, Some(output)) => Some((output, 0)),
            (Some(input), None) => {
                Some((input.saturating_sub(window) / stride + 1, window.saturating_sub(input)))
            }
            (None, None) => None,
        };
        let [stride_y, stride_x] = self.strides;
        let (Some((out_y, outside_y)), Some((out_x, outside_x))) =
            (side(in_y, out_y, r, stride_y), side(in_x, out_x, s, stride_x))
        else {
            return fail(format!("layer `{name}` lacks Y or X"), "add the size of its input");
        };
        // A direction with a single output has no stride.
        let stride = match (out_y, out_x) {
            (_, 1) => stride_y,
            (1, _) => stride_x,
            _ if stride_y == stride_x => stride_y,
            _ => {
                let what = format!("layer `{name}` has the strides {stride_y} (Y) and {stride_x} (X)");
                return fail(what, "give it the same in both directions");
            }
        };
        Ok(Layer {
            name: self.name.text.into(),
            op,
            k,
            c,
            out_y,
            out_x,
            r,
            s,
            stride,
            groups: if depthwise { c } else { 1 },
            outside: [outside_y, outside_x],
            branch: Branch::Next,
        })
    }
}
