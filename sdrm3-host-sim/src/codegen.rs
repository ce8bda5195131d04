//! Tables as source code: firmware links in the workload that was simulated.

pub mod c;
pub mod rust;
