//! From the caller's tables to a scheduler in the caller's storage.
//!
//! C cannot derive tables at compile time, so it is done here, once: pass one checks the pointers and
//! counts, pass two fills the storage, and the core validates the result as it does every workload.

use core::mem;
use core::ptr;

use sdrm3_core::{
    Accelerator, Branch, Cause, Config, Cost, DropBudget, Duration, MapScore, Model, ModelId, Probability,
    Scheduler, Segment, SegmentSpec, SubNetwork, Weight, Weights, Workload, WorkloadError,
};

use crate::handle::sdrm3_t;
use crate::pointer::{Block, Row, footprint};
use crate::status::sdrm3_status_t::{self, *};
use crate::tables::{
    SDRM3_ABI_VERSION, SDRM3_ALWAYS, sdrm3_abi_t, sdrm3_accelerator_t, sdrm3_branch_t, sdrm3_config_t,
    sdrm3_cost_t, sdrm3_model_t, sdrm3_segment_t, sdrm3_subnetwork_t, sdrm3_workload_t,
};
use crate::values::{sdrm3_action_t, sdrm3_error_t, sdrm3_outcome_t, sdrm3_report_t, sdrm3_tally_t, truth};

/// Why and where a set-up failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    status: sdrm3_status_t,
    place: sdrm3_error_t,
}

impl From<sdrm3_status_t> for Failure {
    fn from(status: sdrm3_status_t) -> Self {
        let place = sdrm3_error_t {
            name: ptr::null(),
            needed_bytes: 0,
            status: status as i32,
            model: -1,
            subnetwork: -1,
            segment: -1,
            accelerator: -1,
        };
        Self { status, place }
    }
}

impl Failure {
    pub(crate) fn error(self) -> sdrm3_error_t {
        self.place
    }

    pub(crate) fn status(self) -> sdrm3_status_t {
        self.status
    }

    fn needing(mut self, bytes: usize) -> Self {
        self.place.needed_bytes = bytes;
        self
    }

    fn in_model(mut self, index: usize, row: Row<sdrm3_model_t>) -> Self {
        (self.place.model, self.place.name) = (index as i32, row.name);
        self
    }

    fn in_subnetwork(mut self, index: usize) -> Self {
        self.place.subnetwork = index as i32;
        self
    }

    fn in_segment(mut self, index: usize) -> Self {
        self.place.segment = index as i32;
        self
    }

    fn in_accelerator(mut self, index: usize, row: Row<sdrm3_accelerator_t>) -> Self {
        (self.place.accelerator, self.place.name) = (index as i32, row.name);
        self
    }

    /// What the core finds wrong.
    fn of_core(error: &WorkloadError<'_>, workload: Row<sdrm3_workload_t>) -> Self {
        let mut failure = Self::from(sdrm3_status_t::from(error.cause));
        if let Some((ModelId(index), _)) = error.model
            && let Some(row) = workload.models().ok().and_then(|mut rows| rows.nth(usize::from(index)))
        {
            failure = failure.in_model(usize::from(index), row);
        }
        if let Cause::SwitchTableSize { accelerator } = error.cause
            && let Some(row) =
                workload.accelerators().ok().and_then(|mut rows| rows.nth(usize::from(accelerator)))
        {
            failure = failure.in_accelerator(usize::from(accelerator), row);
        }
        failure.place.subnetwork = error.subnetwork.map_or(-1, i32::from);
        failure.place.segment = error.segment.map_or(-1, i32::from);
        failure
    }
}

/// How many rows the tables have.
struct Counts {
    accelerators: usize,
    models: usize,
    subnetworks: usize,
    segments: usize,
}

/// Checks all pointers and counts the rows. O(sub-networks).
fn survey(workload: Row<sdrm3_workload_t>) -> Result<Counts, Failure> {
    let mut counts = Counts {
        accelerators: workload.accelerators()?.len(),
        models: workload.models()?.len(),
        subnetworks: 0,
        segments: 0,
    };
    for (index, row) in workload.accelerators()?.enumerate() {
        row.switch_table().map_err(|status| Failure::from(status).in_accelerator(index, row))?;
    }
    for (model, row) in workload.models()?.enumerate() {
        let in_model = |status| Failure::from(status).in_model(model, row);
        let subnetworks = row.subnetworks().map_err(in_model)?;
        if subnetworks.len() > 255 {
            return Err(in_model(SDRM3_TOO_MANY_SUBNETWORKS));
        }
        counts.subnetworks = counts.subnetworks.saturating_add(subnetworks.len());
        for (index, subnetwork) in subnetworks.enumerate() {
            let fail = |status| Err(in_model(status).in_subnetwork(index));
            if subnetwork.segment_count > 65_535 {
                return fail(SDRM3_TOO_MANY_SEGMENTS);
            }
            if subnetwork.segment_count > 0 && subnetwork.accelerator_count != workload.accelerator_count {
                return fail(SDRM3_COST_COLUMNS);
            }
            if let Err(status) = subnetwork.costs().and(subnetwork.segments().map(|_| ())) {
                return fail(status);
            }
            counts.segments = counts.segments.saturating_add(subnetwork.segment_count as usize);
        }
    }
    Ok(counts)
}

/// A scheduler of this size.
type Of<const MODELS: usize, const JOBS: usize, const ACCS: usize> =
    Scheduler<'static, MapScore, MODELS, JOBS, ACCS>;

/// What the storage takes for tables of so many rows.
pub(crate) const fn bytes<const MODELS: usize, const JOBS: usize, const ACCS: usize>(
    accelerators: usize,
    models: usize,
) -> usize {
    footprint::<sdrm3_t>(1)
        + footprint::<Result<Of<MODELS, JOBS, ACCS>, WorkloadError<'static>>>(1)
        + footprint::<Workload<'static, ACCS>>(1)
        + footprint::<Accelerator<'static>>(accelerators)
        + footprint::<Model<'static, ACCS>>(models)
}

/// Puts a scheduler of these tables into the storage.
pub(crate) fn build<const MODELS: usize, const JOBS: usize, const ACCS: usize>(
    mut block: Block,
    tables: Row<sdrm3_workload_t>,
    config: &sdrm3_config_t,
) -> Result<*mut sdrm3_t, Failure> {
    let (config, policy) = configuration(config)?;
    match (tables.accelerators()?.len(), tables.models()?.len()) {
        (0, _) => return Err(SDRM3_NO_ACCELERATORS.into()),
        (_, 0) => return Err(SDRM3_NO_MODELS.into()),
        (accelerators, _) if accelerators > ACCS => return Err(SDRM3_TOO_MANY_ACCELERATORS.into()),
        (_, models) if models > MODELS => return Err(SDRM3_TOO_MANY_MODELS.into()),
        _ => {}
    }
    let counts = survey(tables)?;
    let needed = bytes::<MODELS, JOBS, ACCS>(counts.accelerators, counts.models)
        .saturating_add(footprint::<SubNetwork<'static, ACCS>>(counts.subnetworks))
        .saturating_add(footprint::<Segment<ACCS>>(counts.segments));
    if block.len() < needed {
        return Err(Failure::from(SDRM3_STORAGE_TOO_SMALL).needing(needed));
    }
    // From here on the storage is written. Its head comes first, so that a scheduler that was there is gone.
    let head = block.one(mem::MaybeUninit::<sdrm3_t>::zeroed())?;
    let workload = derive_workload::<ACCS>(&mut block, tables, &counts)?;
    // It is made where it stays, its error as well: it is larger than many a stack.
    match block.one_from(|| Of::<MODELS, JOBS, ACCS>::new(workload, policy, config))? {
        Ok(scheduler) => Ok(head.write(sdrm3_t::new(scheduler)).open()),
        Err(error) => Err(Failure::of_core(error, tables)),
    }
}

/// The layouts of this library.
const ABI: sdrm3_abi_t = sdrm3_abi_t {
    version: SDRM3_ABI_VERSION,
    config: size_of::<sdrm3_config_t>() as u16,
    segment: size_of::<sdrm3_segment_t>() as u16,
    subnetwork: size_of::<sdrm3_subnetwork_t>() as u16,
    model: size_of::<sdrm3_model_t>() as u16,
    accelerator: size_of::<sdrm3_accelerator_t>() as u16,
    action: size_of::<sdrm3_action_t>() as u16,
    outcome: size_of::<sdrm3_outcome_t>() as u16,
    report: size_of::<sdrm3_report_t>() as u16,
    tally: size_of::<sdrm3_tally_t>() as u16,
};

/// Refuses a program that was compiled with another header, or other struct layouts.
pub(crate) fn check_abi(abi: &sdrm3_abi_t) -> Result<(), sdrm3_status_t> {
    if *abi == ABI { Ok(()) } else { Err(SDRM3_WRONG_ABI) }
}

fn configuration(config: &sdrm3_config_t) -> Result<(Config, MapScore), sdrm3_status_t> {
    if config.alpha_milli > 2_000 || config.beta_milli > 2_000 {
        return Err(SDRM3_BAD_VALUE);
    }
    let weight = |thousandths| Weight::from_millis(u32::from(thousandths));
    let weights = Weights { alpha: weight(config.alpha_milli), beta: weight(config.beta_milli) };
    let window = Duration::from_nanos(config.tuning_window_ns);
    let parts = Config {
        frame_drop: truth(config.frame_drop)?,
        supernet: truth(config.supernet)?,
        correction: truth(config.correction)?,
        tuning_window: (window > Duration::ZERO).then_some(window),
        stale_drop: truth(config.stale_drop)?,
    };
    Ok((parts, MapScore { weights }))
}

/// The core's tables, in the storage. O(segments x ACCS).
fn derive_workload<const ACCS: usize>(
    block: &mut Block,
    tables: Row<sdrm3_workload_t>,
    counts: &Counts,
) -> Result<&'static Workload<'static, ACCS>, Failure> {
    let accelerators = block.many(counts.accelerators, Accelerator::new(""))?;
    for ((index, row), accelerator) in tables.accelerators()?.enumerate().zip(accelerators.iter_mut()) {
        let table = row.switch_table().map_err(|status| Failure::from(status).in_accelerator(index, row))?;
        *accelerator = Accelerator::new("")
            .with_switch(row.switch_fixed.into(), row.switch_per_kib.into())
            .with_switch_table(table);
    }
    let models = block.many(counts.models, Model::new("", Duration::ZERO, &[]))?;
    let mut subnetworks = block.many(counts.subnetworks, SubNetwork::new("", &[]))?;
    let mut segments = block.many(counts.segments, derive_segment(&[], None, &[])?)?;
    for ((index, row), model) in tables.models()?.enumerate().zip(models.iter_mut()) {
        let in_model = |status| Failure::from(status).in_model(index, row);
        let rows = row.subnetworks().map_err(in_model)?;
        let own = split(&mut subnetworks, rows.len())?;
        for ((at, row), subnetwork) in rows.enumerate().zip(own.iter_mut()) {
            let own = split(&mut segments, row.segment_count as usize)?;
            derive_segments(own, row)
                .map_err(|(segment, status)| in_model(status).in_subnetwork(at).in_segment(segment))?;
            *subnetwork = SubNetwork::new("", own)
                .with_accuracy(row.accuracy_milli_percent)
                .with_shared_prefix(row.shared_prefix)
                .with_weights(row.weight_bytes);
        }
        *model = derive_model(tables, row, own).map_err(in_model)?;
    }
    Ok(block.one(Workload::new(models, accelerators))?)
}

/// The first `count` of what is left.
fn split<T>(rest: &mut &'static mut [T], count: usize) -> Result<&'static mut [T], sdrm3_status_t> {
    let (own, behind) = mem::take(rest).split_at_mut_checked(count).ok_or(SDRM3_STORAGE_TOO_SMALL)?;
    *rest = behind;
    Ok(own)
}

/// The segments of a sub-network, from its end; on failure the segment as well.
fn derive_segments<const ACCS: usize>(
    table: &mut [Segment<ACCS>],
    row: Row<sdrm3_subnetwork_t>,
) -> Result<(), (usize, sdrm3_status_t)> {
    let at_start = |status| (0, status);
    let columns = row.accelerator_count.max(1) as usize;
    let costs = row.costs().map_err(at_start)?.chunks_exact(columns);
    let details = row.segments().map_err(at_start)?;
    for (index, costs) in costs.enumerate().rev() {
        let Some((first, behind)) = table.get_mut(index..).and_then(<[_]>::split_first_mut) else { continue };
        *first = derive_segment(costs, details.get(index), behind).map_err(|status| (index, status))?;
    }
    Ok(())
}

fn derive_segment<const ACCS: usize>(
    costs: &[sdrm3_cost_t],
    details: Option<&sdrm3_segment_t>,
    behind: &[Segment<ACCS>],
) -> Result<Segment<ACCS>, sdrm3_status_t> {
    let mut spec = SegmentSpec::new([Cost::NONE; ACCS]);
    for (place, &cost) in spec.costs.iter_mut().zip(costs) {
        *place = cost.into();
    }
    if let Some(details) = details {
        spec.activation_bytes = details.activation_bytes;
        spec.switch_point = truth(details.switch_point)?;
        spec.branch = branch(details)?;
    }
    Ok(Segment::derive(&spec, behind))
}

fn branch(details: &sdrm3_segment_t) -> Result<Branch, sdrm3_status_t> {
    const NEXT: u8 = sdrm3_branch_t::SDRM3_BRANCH_NEXT as u8;
    const SKIP: u8 = sdrm3_branch_t::SDRM3_BRANCH_SKIP as u8;
    const EXIT: u8 = sdrm3_branch_t::SDRM3_BRANCH_EXIT as u8;
    let probability = probability(details.probability);
    match details.branch {
        NEXT => Ok(Branch::Next),
        SKIP => Ok(Branch::Skip { segments: details.skip, probability: probability? }),
        EXIT => Ok(Branch::Exit { probability: probability? }),
        _ => Err(SDRM3_BAD_BRANCH),
    }
}

/// In steps of 1/65536, exact. Zero is refused: it is more likely forgotten than meant.
fn probability(steps: u32) -> Result<Probability, sdrm3_status_t> {
    if (1..=SDRM3_ALWAYS).contains(&steps) {
        Ok(Probability::from_bits(steps))
    } else {
        Err(SDRM3_BAD_PROBABILITY)
    }
}

fn derive_model<const ACCS: usize>(
    tables: Row<sdrm3_workload_t>,
    row: Row<sdrm3_model_t>,
    subnetworks: &'static [SubNetwork<'static, ACCS>],
) -> Result<Model<'static, ACCS>, sdrm3_status_t> {
    let mut model = Model::new("", Duration::from_nanos(row.period_ns), subnetworks)
        .with_accuracy_floor(row.accuracy_floor_milli_percent);
    if !row.parent.is_null() {
        model = model.after(parent(tables, row)?, probability(row.probability)?);
    }
    if row.deadline_ns > 0 {
        model = model.with_deadline(Duration::from_nanos(row.deadline_ns));
    }
    if row.weight_percent > 0 {
        model = model.with_weight(row.weight_percent);
    }
    if (row.drop_at_most, row.drop_of) != (0, 0) {
        let budget = DropBudget::new(row.drop_at_most, row.drop_of).ok_or(SDRM3_BAD_DROP_BUDGET)?;
        model = model.with_drop_budget(budget);
    }
    if truth(row.latest_wins)? {
        model = model.with_latest_wins();
    }
    Ok(model)
}

/// The row that the pointer to the parent is to.
fn parent(tables: Row<sdrm3_workload_t>, row: Row<sdrm3_model_t>) -> Result<ModelId, sdrm3_status_t> {
    let mut models = tables.models()?.zip(0u8..);
    let found = models.find(|(model, _)| ptr::eq::<sdrm3_model_t>(&**model, row.parent));
    found.map(|(_, index)| ModelId(index)).ok_or(SDRM3_UNKNOWN_PARENT)
}
