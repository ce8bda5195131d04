//! What changes while a scenario runs: models come and go, accelerators throttle or fail.

use serde::Deserialize;
use toml::Spanned;

use super::{Site, number};
use crate::input::{InputError, Source, unknown_name};

/// A scripted change.
#[derive(Clone, Debug)]
pub struct Change {
    /// When, in milliseconds of virtual time.
    pub at_ms: f64,
    /// What.
    pub what: What,
    /// Where it is defined, for later errors.
    pub origin: Site,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Of the model with that index.
    Model(usize, ModelChange),
    /// Of the accelerator with that index.
    Accelerator(usize, AcceleratorChange),
}

/// A change of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModelChange {
    /// It is switched on or off.
    Active(bool),
    /// Its frames come at this rate.
    Fps(f64),
}

/// A change of an accelerator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AcceleratorChange {
    /// It runs at this share of full speed.
    Speed(f64),
    /// It is gone, with the block that it runs.
    Lost,
    /// It is back.
    Restored,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEntry {
    at_ms: Spanned<f64>,
    model: Option<Spanned<String>>,
    active: Option<bool>,
    fps: Option<Spanned<f64>>,
    accelerator: Option<Spanned<usize>>,
    speed: Option<Spanned<f64>>,
    lost: Option<bool>,
}

impl ChangeEntry {
    /// `models` are the names and whether frames of each arrive by themselves.
    pub(super) fn validate(&self, source: &Source, models: &[(&str, bool)]) -> Result<Change, InputError> {
        let at_ms = number(source, &self.at_ms, "at_ms", "from 0 to 1e9", |v| (0.0..=1e9).contains(&v))?;
        let what = match (&self.model, &self.accelerator) {
            (Some(model), None) => self.of_model(source, model, models)?,
            (None, Some(index)) => self.of_accelerator(source, *index.get_ref())?,
            _ => return Err(self.unclear(source, "a change is of one model or of one accelerator")),
        };
        let origin = Site { origin: source.origin.clone(), line: source.line_of(&self.at_ms.span()) };
        Ok(Change { at_ms, what, origin })
    }

    fn of_model(
        &self,
        source: &Source,
        name: &Spanned<String>,
        models: &[(&str, bool)],
    ) -> Result<What, InputError> {
        let names: Vec<&str> = models.iter().map(|(name, _)| *name).collect();
        let index = names.iter().position(|other| other == name.get_ref()).ok_or_else(|| {
            let line = source.line_of(&name.span());
            unknown_name(&source.origin, "model", name.get_ref(), &names).at_line(line)
        })?;
        let change = match (self.active, &self.fps, &self.speed, self.lost) {
            (Some(active), None, None, None) => ModelChange::Active(active),
            (None, Some(fps), None, None) if models[index].1 => {
                ModelChange::Fps(number(source, fps, "fps", "above 0, at most 1e6", |v| v > 0.0 && v <= 1e6)?)
            }
            (None, Some(fps), None, None) => {
                let what = "the frame rate of a model that its parent's frames release";
                return Err(source.error_at(&fps.span(), what, "change that of its parent"));
            }
            _ => return Err(self.unclear(source, "a model changes `active` or `fps`, one at a time")),
        };
        Ok(What::Model(index, change))
    }

    fn of_accelerator(&self, source: &Source, index: usize) -> Result<What, InputError> {
        let change = match (&self.speed, self.lost, self.active, &self.fps) {
            (Some(speed), None, None, None) => {
                let range = "from 0.01 to 100";
                AcceleratorChange::Speed(number(source, speed, "speed", range, |v| {
                    (0.01..=100.0).contains(&v)
                })?)
            }
            (None, Some(true), None, None) => AcceleratorChange::Lost,
            (None, Some(false), None, None) => AcceleratorChange::Restored,
            _ => return Err(self.unclear(source, "an accelerator changes `speed` or `lost`, one at a time")),
        };
        Ok(What::Accelerator(index, change))
    }

    fn unclear(&self, source: &Source, what: &str) -> InputError {
        source.error_at(&self.at_ms.span(), what, "split it into several [[change]], or complete it")
    }
}
