//! The three dataflows: which loop lies on which level of clusters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::dims::Dim;

/// What an array keeps in place while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dataflow {
    /// Weights stay, in the way of NVDLA: columns over clusters, output channels over groups of
    /// elements, input channels over the elements of a group.
    #[serde(rename = "ws", alias = "WS")]
    WeightStationary,
    /// Outputs stay, in the way of ShiDianNao: rows over clusters, columns over groups, input
    /// channels over elements.
    #[serde(rename = "os", alias = "OS")]
    OutputStationary,
    /// Kernel rows stay, in the way of Eyeriss: output channels over clusters, columns over groups,
    /// rows of input and kernel over elements.
    #[serde(rename = "rs", alias = "RS")]
    RowStationary,
}

impl Dataflow {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WeightStationary, Self::OutputStationary, Self::RowStationary];

    /// Processing elements of one top-level cluster, the unit in which an array grows.
    pub fn cluster_pes(self) -> u32 {
        let [_, groups, elements] = self.clusters();
        groups.units * elements.units
    }

    /// Its levels of clusters, outermost first. How many units the outermost has is up to the array.
    pub(super) fn clusters(self) -> &'static [Cluster; 3] {
        match self {
            Self::WeightStationary => &WEIGHT_STATIONARY,
            Self::OutputStationary => &OUTPUT_STATIONARY,
            Self::RowStationary => &ROW_STATIONARY,
        }
    }
}

impl fmt::Display for Dataflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WeightStationary => "ws",
            Self::OutputStationary => "os",
            Self::RowStationary => "rs",
        })
    }
}

/// A name that is none of `ws`, `os` and `rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDataflow(pub String);

impl fmt::Display for UnknownDataflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown dataflow '{}': expected ws, os or rs", self.0)
    }
}

impl std::error::Error for UnknownDataflow {}

impl FromStr for Dataflow {
    type Err = UnknownDataflow;

    /// Reads `ws`, `os` or `rs`, in lower or upper case.
    fn from_str(name: &str) -> Result<Self, UnknownDataflow> {
        Self::ALL
            .into_iter()
            .find(|dataflow| dataflow.to_string().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownDataflow(name.to_owned()))
    }
}

/// How a level walks a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    /// One tile after the other.
    Temporal,
    /// Neighbouring tiles on neighbouring units, at the same time.
    Spatial,
}

/// One loop of a level: tiles of `tile` elements whose starts lie `step` apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directive {
    pub(super) dim: Dim,
    pub(super) map: Map,
    pub(super) tile: i64,
    pub(super) step: i64,
}

impl Directive {
    pub(super) const fn temporal(dim: Dim, tile: i64, step: i64) -> Self {
        Self { dim, map: Map::Temporal, tile, step }
    }

    const fn spatial(dim: Dim, tile: i64, step: i64) -> Self {
        Self { dim, map: Map::Spatial, tile, step }
    }

    /// Elements of a tile that the tile before it did not have.
    pub(super) fn fresh(&self) -> i64 {
        self.tile.min(self.step)
    }
}

/// A level of clusters: its units and its own loops, outermost first.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Units of the level within one unit of the level around it; 0 where the array decides.
    pub(super) units: u32,
    pub(super) directives: &'static [Directive],
}

// XRBench states tiles of outputs; the model works on tiles of inputs, which are wider by the reach of
// the kernel. MAESTRO widens them before it knows the kernel: whatever that is, it adds the number of
// loops that the level lists, less one. On a level of four loops 1, 4 and 16 outputs become tiles of
// 4, 7 and 19 inputs. For kernels below four neighbouring tiles then repeat outputs (a 1x1 layer on
// WS computes each up to 16 times). All its published costs rest on this, hence so do these tables.

const WEIGHT_STATIONARY: [Cluster; 3] = [
    Cluster {
        units: 0,
        directives: &[
            Directive::temporal(Dim::C, 16, 16),
            Directive::temporal(Dim::K, 16, 16),
            Directive::temporal(Dim::Y, 4, 1),
            Directive::spatial(Dim::X, 4, 1),
        ],
    },
    Cluster {
        units: 16,
        directives: &[
            Directive::spatial(Dim::K, 1, 1),
            Directive::temporal(Dim::C, 64, 64),
            Directive::temporal(Dim::Y, 4, 1),
            Directive::temporal(Dim::X, 4, 1),
        ],
    },
    Cluster { units: 16, directives: &[Directive::spatial(Dim::C, 1, 1)] },
];

const OUTPUT_STATIONARY: [Cluster; 3] = [
    Cluster {
        units: 0,
        directives: &[
            Directive::temporal(Dim::K, 1, 1),
            Directive::spatial(Dim::Y, 4, 1),
            Directive::temporal(Dim::X, 7, 4),
            Directive::temporal(Dim::C, 16, 16),
        ],
    },
    Cluster { units: 4, directives: &[Directive::spatial(Dim::X, 1, 1)] },
    Cluster { units: 16, directives: &[Directive::spatial(Dim::C, 1, 1)] },
];

const ROW_STATIONARY: [Cluster; 3] = [
    Cluster {
        units: 0,
        directives: &[
            Directive::temporal(Dim::Y, 4, 1),
            Directive::temporal(Dim::X, 19, 16),
            Directive::temporal(Dim::C, 4, 4),
            Directive::spatial(Dim::K, 1, 1),
        ],
    },
    Cluster {
        units: 16,
        directives: &[
            Directive::temporal(Dim::Y, 4, 1),
            Directive::spatial(Dim::X, 4, 1),
            Directive::temporal(Dim::C, 4, 4),
            Directive::temporal(Dim::K, 1, 1),
        ],
    },
    Cluster { units: 4, directives: &[Directive::spatial(Dim::Y, 1, 1), Directive::spatial(Dim::R, 1, 1)] },
];
