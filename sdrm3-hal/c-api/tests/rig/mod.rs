//! Storage and tables as a C program has them, and the calls that all tests make.

#![allow(dead_code)] // each test binary uses its share

use core::ffi::{CStr, c_void};
use core::mem::size_of;
use core::ptr::{null, null_mut};

use sdrm3::sdrm3_status_t::SDRM3_OK;
use sdrm3::*;

pub(crate) const SMALL: usize =
    SDRM3_SMALL_BYTES + 2 * SDRM3_SMALL_BYTES_PER_SUBNETWORK + 4 * SDRM3_SMALL_BYTES_PER_SEGMENT;

#[repr(C, align(8))]
pub(crate) struct Storage(pub(crate) [u8; SMALL]);

impl Storage {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self([0; SMALL]))
    }

    pub(crate) fn pointer(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }

    /// What lies there, whoever wrote it.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let start = self.pointer().cast::<u8>();
        (0..SMALL).map(|index| unsafe { start.add(index).read_volatile() }).collect()
    }
}

/// Tables that never go away, of one model on two accelerators; tests may add to them.
#[derive(Clone)]
pub(crate) struct Tables {
    pub(crate) costs: [[sdrm3_cost_t; 2]; 2],
    pub(crate) segments: [sdrm3_segment_t; 2],
    pub(crate) subnetwork: sdrm3_subnetwork_t,
    pub(crate) models: Vec<sdrm3_model_t>,
    pub(crate) accelerators: [sdrm3_accelerator_t; 2],
}

impl Tables {
    pub(crate) fn new() -> Self {
        let cost = |latency_ns| sdrm3_cost_t { latency_ns, energy_nj: 1_000 };
        let accelerator = sdrm3_accelerator_t {
            name: c"npu".as_ptr(),
            switch_fixed: sdrm3_cost_t::default(),
            switch_per_kib: sdrm3_cost_t::default(),
            switch_table: null(),
            switch_table_count: 0,
        };
        let model = sdrm3_model_t {
            name: c"eye".as_ptr(),
            period_ns: 1_000_000,
            deadline_ns: 0,
            parent: null(),
            probability: 0,
            subnetwork_count: 1,
            subnetworks: null(),
            accuracy_floor_milli_percent: 0,
            weight_percent: 0,
            drop_at_most: 0,
            drop_of: 0,
            latest_wins: 0,
        };
        let subnetwork = sdrm3_subnetwork_t {
            costs: null(),
            segment_count: 2,
            accelerator_count: 2,
            segments: null(),
            accuracy_milli_percent: 0,
            weight_bytes: 0,
            shared_prefix: 0,
        };
        Self {
            costs: [[cost(1_000), cost(2_000)], [cost(3_000), cost(4_000)]],
            segments: [sdrm3_segment_t::default(); 2],
            subnetwork,
            models: vec![model],
            accelerators: [accelerator; 2],
        }
    }

    /// The tables in their final place, linked.
    pub(crate) fn leak(self) -> &'static mut (Self, sdrm3_workload_t) {
        let empty =
            sdrm3_workload_t { models: null(), accelerators: null(), model_count: 0, accelerator_count: 0 };
        let leaked = Box::leak(Box::new((self, empty)));
        let tables = &mut leaked.0;
        tables.subnetwork.costs = tables.costs.as_ptr().cast();
        tables.subnetwork.segments = tables.segments.as_ptr();
        for model in &mut tables.models {
            model.subnetworks = &tables.subnetwork;
        }
        leaked.1 = sdrm3_workload_t {
            models: tables.models.as_ptr(),
            accelerators: tables.accelerators.as_ptr(),
            model_count: tables.models.len() as u32,
            accelerator_count: 2,
        };
        leaked
    }
}

pub(crate) fn config() -> sdrm3_config_t {
    let abi = sdrm3_abi_t {
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
    sdrm3_config_t {
        abi,
        tuning_window_ns: 400_000_000,
        alpha_milli: 1_000,
        beta_milli: 1_000,
        frame_drop: 1,
        supernet: 1,
        correction: 1,
        stale_drop: 1,
    }
}

/// What init answers, and says of where it is.
pub(crate) fn init(
    storage: &mut Storage,
    workload: &sdrm3_workload_t,
) -> Result<*mut sdrm3_t, (sdrm3_status_t, String)> {
    let mut scheduler = null_mut();
    let mut error = core::mem::MaybeUninit::uninit();
    let status = unsafe {
        sdrm3_init_small(storage.pointer(), SMALL, workload, &config(), &mut scheduler, error.as_mut_ptr())
    };
    if status == SDRM3_OK {
        return Ok(scheduler);
    }
    assert!(scheduler.is_null(), "left as it was");
    let mut text = [0; 200];
    assert_eq!(unsafe { sdrm3_describe(error.as_ptr(), text.as_mut_ptr(), text.len()) }, SDRM3_OK);
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    Err((status, text.to_str().expect("text").to_owned()))
}

pub(crate) fn scheduler(storage: &mut Storage) -> *mut sdrm3_t {
    init(storage, &Tables::new().leak().1).expect("valid tables")
}
