//! The check of the tables at start: the first entry that cannot work is named, with its cause.

use core::fmt;

use super::{Branch, Model, ModelId, Placement, Segment, SubNetwork, Workload};
use crate::time::Duration;

/// What is wrong with an entry of the workload, and what mends it (see its `Display`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// There is no model.
    NoModels,
    /// More models than the scheduler has room for.
    TooManyModels {
        /// The room.
        capacity: usize,
    },
    /// There is no accelerator.
    NoAccelerators,
    /// More accelerators than the tables have room for.
    TooManyAccelerators {
        /// The room.
        capacity: usize,
    },
    /// The switch table of an accelerator is neither empty nor models x models.
    SwitchTableSize {
        /// The accelerator.
        accelerator: u8,
    },
    /// The period is zero.
    ZeroPeriod,
    /// The deadline is zero.
    ZeroDeadline,
    /// The parent is no model of this workload.
    UnknownParent,
    /// The model depends on itself through its parents.
    CascadeCycle,
    /// A model that runs on no other's frames has no deadline.
    NoDeadline,
    /// The model has no sub-network.
    NoSubNetwork,
    /// More than 255 sub-networks.
    TooManySubNetworks,
    /// The sub-network has no segment.
    NoSegments,
    /// More than 65 535 segments.
    TooManySegments,
    /// No accelerator can run the segment.
    RunsNowhere,
    /// The segment has a cost on an accelerator that the workload does not have.
    UnknownAccelerator,
    /// The accelerators that the segment is said to run on are not those on which it takes time: the derived
    /// tables have been damaged.
    RunsElsewhere,
    /// The segment skips past the end of the network.
    SkipBeyondEnd,
    /// More segments are said to be shared than both sub-networks have, or they differ.
    PrefixNotShared,
    /// A lighter sub-network expects more work than the heavier one before it, in all or from the segment
    /// where a frame may change over to it.
    LighterCostsMore,
}

/// The first entry of a workload that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WorkloadError<'a> {
    /// The model and its name, unless the error is in the workload as a whole.
    pub model: Option<(ModelId, &'a str)>,
    /// The sub-network, counted from the heaviest.
    pub subnetwork: Option<u8>,
    /// The segment.
    pub segment: Option<u16>,
    /// What is wrong.
    pub cause: Cause,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModels => f.write_str("there is no model; give at least one"),
            Self::TooManyModels { capacity } => {
                write!(
                    f,
                    "more models than the scheduler holds; raise MODELS above {capacity} or remove some"
                )
            }
            Self::NoAccelerators => f.write_str("there is no accelerator; give at least one"),
            Self::TooManyAccelerators { capacity } => {
                write!(
                    f,
                    "more accelerators than the tables hold; raise ACCS above {capacity} or remove some"
                )
            }
            Self::SwitchTableSize { accelerator } => write!(
                f,
                "the switch table of accelerator {accelerator} has the wrong size; give models x models entries, or none"
            ),
            Self::ZeroPeriod => f.write_str("the period is zero; give the time between frames"),
            Self::ZeroDeadline => f.write_str("the deadline is zero; give the time a frame may take"),
            Self::UnknownParent => {
                f.write_str("depends on a model that does not exist; name one of this workload")
            }
            Self::CascadeCycle => f.write_str("depends on itself through its parents; break the cycle"),
            Self::NoDeadline => f.write_str("has neither a deadline nor a parent to take it from; give one"),
            Self::NoSubNetwork => f.write_str("has no sub-network; a plain network is one"),
            Self::TooManySubNetworks => f.write_str("has more than 255 sub-networks; keep fewer"),
            Self::NoSegments => f.write_str("has no segment; give at least one"),
            Self::TooManySegments => f.write_str("has more than 65535 segments; join some"),
            Self::RunsNowhere => {
                f.write_str("runs on no accelerator; give it a latency above zero on at least one")
            }
            Self::UnknownAccelerator => f.write_str(
                "has a cost on an accelerator that the workload does not list; use Cost::NONE there",
            ),
            Self::RunsElsewhere => f.write_str(
                "is said to run on other accelerators than those on which it takes time; load the tables again",
            ),
            Self::SkipBeyondEnd => f.write_str("skips past the end of the network; shorten the skip"),
            Self::PrefixNotShared => f.write_str(
                "differs from the next heavier sub-network within the shared prefix; shorten the prefix",
            ),
            Self::LighterCostsMore => f.write_str(
                "expects more work than the heavier sub-network before it; order them from heavy to light",
            ),
        }
    }
}

impl fmt::Display for WorkloadError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("workload")?;
        if let Some((ModelId(index), name)) = self.model {
            write!(f, ", model {index} ({name})")?;
        }
        if let Some(subnetwork) = self.subnetwork {
            write!(f, ", sub-network {subnetwork}")?;
        }
        if let Some(segment) = self.segment {
            write!(f, ", segment {segment}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl core::error::Error for WorkloadError<'_> {}

impl<'a, const A: usize> Workload<'a, A> {
    /// Checks every entry; the error names the first that cannot work. O(all segments x A): once,
    /// at start.
    pub fn validate(&self) -> Result<(), WorkloadError<'a>> {
        // What is looked at, so that what is found is named: a check returns its cause only.
        let mut at = WorkloadError { model: None, subnetwork: None, segment: None, cause: Cause::NoModels };
        self.check(&mut at).map_err(|cause| WorkloadError { cause, ..at })
    }

    fn check(&self, at: &mut WorkloadError<'a>) -> Result<(), Cause> {
        match self.accelerators.len() {
            0 => return Err(Cause::NoAccelerators),
            n if n > A || n > 255 => return Err(Cause::TooManyAccelerators { capacity: A.min(255) }),
            _ => {}
        }
        match self.models.len() {
            0 => return Err(Cause::NoModels),
            n if n > 255 => return Err(Cause::TooManyModels { capacity: 255 }),
            _ => {}
        }
        for (accelerator, index) in self.accelerators.iter().zip(0u8..) {
            let entries = accelerator.switch_table.len();
            if entries != 0 && entries != self.models.len() * self.models.len() {
                return Err(Cause::SwitchTableSize { accelerator: index });
            }
        }
        for (model, index) in self.models.iter().zip(0u8..) {
            (at.model, at.subnetwork) = (Some((ModelId(index), model.name)), None);
            self.check_model(ModelId(index), model)?;
            let mut heavier: Option<&SubNetwork<'a, A>> = None;
            for (subnetwork, index) in model.subnetworks.iter().zip(0u8..) {
                at.subnetwork = Some(index);
                self.check_segments(subnetwork.segments, at)?;
                check_prefix(subnetwork, heavier, at)?;
                heavier = Some(subnetwork);
            }
        }
        Ok(())
    }

    fn check_model(&self, id: ModelId, model: &Model<'a, A>) -> Result<(), Cause> {
        if model.period == Duration::ZERO {
            return Err(Cause::ZeroPeriod);
        }
        if model.deadline == Some(Duration::ZERO) {
            return Err(Cause::ZeroDeadline);
        }
        if model.deadline.is_none() && model.cascade.is_none() {
            return Err(Cause::NoDeadline);
        }
        // Up the chain of parents, no further than there are models. What is wrong with a parent is
        // said of the parent.
        let mut parent = model.cascade.map(|cascade| cascade.parent);
        if parent.is_some_and(|parent| self.model(parent).is_none()) {
            return Err(Cause::UnknownParent);
        }
        for _ in self.models {
            let Some(at) = parent else { break };
            if at == id {
                return Err(Cause::CascadeCycle);
            }
            parent = self.model(at).and_then(|model| model.cascade).map(|cascade| cascade.parent);
        }
        match model.subnetworks.len() {
            0 => Err(Cause::NoSubNetwork),
            n if n > 255 => Err(Cause::TooManySubNetworks),
            _ => Ok(()),
        }
    }

    fn check_segments(&self, segments: &[Segment<A>], at: &mut WorkloadError<'a>) -> Result<(), Cause> {
        at.segment = None;
        if segments.is_empty() {
            return Err(Cause::NoSegments);
        }
        let Ok(count) = u16::try_from(segments.len()) else { return Err(Cause::TooManySegments) };
        for (segment, index) in segments.iter().zip(0u16..) {
            at.segment = Some(index);
            let (known, unknown) = segment.on.split_at(self.accelerators.len().min(A));
            if unknown.iter().any(Placement::runs) {
                return Err(Cause::UnknownAccelerator);
            }
            if !known.iter().any(Placement::runs) {
                return Err(Cause::RunsNowhere);
            }
            let runs_on = known.iter().zip(0u32..32).filter(|(place, _)| place.runs());
            if segment.info.runs_on != runs_on.fold(0, |runs_on, (_, index)| runs_on | 1 << index) {
                return Err(Cause::RunsElsewhere);
            }
            if let Branch::Skip { segments, .. } = segment.info.branch
                && segments > count - 1 - index
            {
                return Err(Cause::SkipBeyondEnd);
            }
        }
        at.segment = None;
        Ok(())
    }
}

/// What a sub-network shares with the next heavier one, and that it is lighter.
fn check_prefix<const A: usize>(
    subnetwork: &SubNetwork<'_, A>,
    heavier: Option<&SubNetwork<'_, A>>,
    at: &mut WorkloadError<'_>,
) -> Result<(), Cause> {
    let (segments, shared) = (subnetwork.segments, usize::from(subnetwork.shared_prefix));
    let Some(heavier) = heavier else {
        return if shared == 0 { Ok(()) } else { Err(Cause::PrefixNotShared) };
    };
    let same = |(a, b): (&Segment<A>, &Segment<A>)| {
        a.on == b.on && a.info.branch == b.info.branch && a.info.activation_bytes == b.info.activation_bytes
    };
    if shared > segments.len().min(heavier.segments.len())
        || !segments.iter().zip(heavier.segments).take(shared).all(same)
    {
        return Err(Cause::PrefixNotShared);
    }
    // From the start, and from wherever a frame may change over.
    for ((light, heavy), index) in segments.iter().zip(heavier.segments).take(shared + 1).zip(0u16..) {
        if light.info.togo > heavy.info.togo {
            at.segment = (index > 0).then_some(index);
            return Err(Cause::LighterCostsMore);
        }
    }
    Ok(())
}
