//! A case of the reference program: what was asked of it, and when it was done with each request.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sdrm3_core::{Frame, ModelId};
use sdrm3_host_sim::input::{InputError, Source};
use serde::Deserialize;

const LAYER_COLUMNS: &str = "model,sample,layer,latency_us";
const REQUEST_COLUMNS: &str = "arrival_us,model,sample,relative_deadline_us,priority,\
     finish_us_fcfs,finish_us_sjf,finish_us_prema,finish_us_planaria,finish_us_sdrm3";

/// The sample whose latencies are what schedulers go by.
const ESTIMATE: &str = "estimate";

/// A policy of the reference program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theirs {
    Fcfs,
    Sjf,
    Prema,
    Planaria,
    Sdrm3,
}

/// One case, and the reference's answer to it.
#[derive(Debug)]
pub(crate) struct Case {
    /// What its files are called.
    pub(crate) name: String,
    /// What requests name, at each priority they name it at: with us a model has one. [`ModelId`] counts them.
    pub(crate) networks: Vec<Network>,
    /// In order of arrival, those of equal arrival in that of the file.
    pub(crate) requests: Vec<Request>,
    /// Per model, the places of its requests in `requests`.
    of_model: Vec<Vec<usize>>,
}

/// What schedulers know of a model.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    /// 1, 3 or 9.
    pub(crate) priority: u32,
    /// What each layer is estimated to take.
    pub(crate) estimate_us: Vec<u64>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) model: ModelId,
    /// What each layer takes in truth.
    pub(crate) layers_us: Vec<u64>,
    /// What its file says.
    pub(crate) row: Row,
    /// On which line.
    pub(crate) line: usize,
}

/// A row of a file of requests: a request, and when the reference was done with it under each policy.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) arrival_us: u64,
    pub(crate) model: String,
    pub(crate) sample: String,
    pub(crate) relative_deadline_us: u64,
    pub(crate) priority: u32,
    finish_us_fcfs: u64,
    finish_us_sjf: u64,
    finish_us_prema: u64,
    finish_us_planaria: u64,
    finish_us_sdrm3: u64,
}

/// A row of a file of layers.
#[derive(Deserialize)]
struct LayerRow {
    model: String,
    sample: String,
    layer: usize,
    latency_us: u64,
}

/// Latencies by model and sample.
type Tables = BTreeMap<(String, String), Vec<u64>>;

impl Case {
    /// All cases in a folder, each a pair of `NAME_layers.csv` and `NAME_requests.csv`; at least one.
    pub(crate) fn read_all(folder: &Path) -> Result<Vec<Self>, InputError> {
        let origin = folder.display().to_string();
        let remedy = "name a folder with pairs of NAME_layers.csv and NAME_requests.csv";
        let fail = |what: String| InputError::new(&origin, what, remedy);
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(folder).map_err(|error| fail(error.to_string()))? {
            let file = entry.map_err(|error| fail(error.to_string()))?.file_name();
            let file = file.to_str().ok_or_else(|| fail(format!("{file:?} is not UTF-8")))?;
            let name = file.strip_suffix("_layers.csv").or(file.strip_suffix("_requests.csv"));
            names.extend(name.map(String::from));
        }
        if names.is_empty() {
            return Err(fail("there is no case".into()));
        }
        let read = |name: &String, what: &str| Source::read(&format!("{origin}/{name}_{what}.csv"));
        names.iter().map(|name| Self::parse(name, &read(name, "layers")?, &read(name, "requests")?)).collect()
    }

    /// Parses and validates.
    pub(crate) fn parse(name: &str, layers: &Source, requests: &Source) -> Result<Self, InputError> {
        let tables = tables(layers)?;
        let mut case =
            Self { name: name.into(), networks: Vec::new(), requests: Vec::new(), of_model: Vec::new() };
        let add = |line, row: Row| {
            let request = case
                .request_in(row, line, &tables)
                .map_err(|(what, remedy)| InputError::new(&requests.origin, what, remedy).at_line(line))?;
            case.of_model[usize::from(request.model.0)].push(case.requests.len());
            case.requests.push(request);
            Ok(())
        };
        requests.parse_csv(REQUEST_COLUMNS, add)?;
        if case.requests.is_empty() {
            return Err(InputError::new(&requests.origin, "there is no request", "give at least one"));
        }
        Ok(case)
    }

    /// The request that a row asks for; else what is wrong with it, and the remedy.
    fn request_in(
        &mut self,
        row: Row,
        line: usize,
        tables: &Tables,
    ) -> Result<Request, (String, &'static str)> {
        let Row { model, sample, priority, .. } = &row;
        let Some(estimate_us) = tables.get(&(model.clone(), ESTIMATE.into())) else {
            return Err((
                format!("model `{model}` has no estimate"),
                "give its layers the sample `estimate`",
            ));
        };
        if ![1, 3, 9].contains(priority) {
            return Err((format!("the priority is {priority}"), "give 1, 3 or 9"));
        }
        let Some(layers_us) = tables.get(&(model.clone(), sample.clone())).cloned() else {
            return Err((format!("model `{model}` has no sample `{sample}`"), "give the sample's layers"));
        };
        if layers_us.len() != estimate_us.len() {
            let what = format!("sample `{sample}` of `{model}` has {} layers", layers_us.len());
            return Err((what, "give as many as the estimate has"));
        }
        if self.requests.last().is_some_and(|before| before.row.arrival_us > row.arrival_us) {
            return Err(("it came before the request above it".into(), "sort by arrival"));
        }
        let is_it = |network: &Network| network.name == *model && network.priority == *priority;
        let index = self.networks.iter().position(is_it).unwrap_or_else(|| {
            let (name, priority, estimate_us) = (model.clone(), *priority, estimate_us.clone());
            self.networks.push(Network { name, priority, estimate_us });
            self.of_model.push(Vec::new());
            self.networks.len() - 1
        });
        let model = ModelId(index.try_into().expect("as many models as a scheduler can hold"));
        Ok(Request { model, layers_us, row, line })
    }

    /// The place of a frame's request: frames of a model are numbered as its requests come.
    pub(crate) fn place(&self, frame: &Frame) -> usize {
        self.of_model[usize::from(frame.model.0)][frame.number as usize]
    }

    /// A frame's request.
    pub(crate) fn request(&self, frame: &Frame) -> &Request {
        &self.requests[self.place(frame)]
    }
}

impl Request {
    /// When the reference was done with it.
    pub(crate) fn finish_us(&self, policy: Theirs) -> u64 {
        match policy {
            Theirs::Fcfs => self.row.finish_us_fcfs,
            Theirs::Sjf => self.row.finish_us_sjf,
            Theirs::Prema => self.row.finish_us_prema,
            Theirs::Planaria => self.row.finish_us_planaria,
            Theirs::Sdrm3 => self.row.finish_us_sdrm3,
        }
    }

    /// When its result was due.
    pub(crate) fn due_us(&self) -> u64 {
        self.row.arrival_us + self.row.relative_deadline_us
    }
}

/// Reads latencies: of every sample, all layers from 0 on.
fn tables(source: &Source) -> Result<Tables, InputError> {
    let mut layers = BTreeMap::<(String, String), BTreeMap<usize, u64>>::new();
    source.parse_csv(LAYER_COLUMNS, |line, LayerRow { model, sample, layer, latency_us }| {
        match layers.entry((model, sample)).or_default().insert(layer, latency_us) {
            None => Ok(()),
            Some(_) => Err(InputError::new(&source.origin, "a layer comes twice", "keep one").at_line(line)),
        }
    })?;
    let whole = |(key, layers): ((String, String), BTreeMap<usize, u64>)| {
        if layers.keys().copied().eq(0..layers.len()) {
            return Ok((key, layers.into_values().collect()));
        }
        let (model, sample) = key;
        let what = format!("layers are missing in sample `{sample}` of `{model}`");
        Err(InputError::new(&source.origin, what, "count them from 0, without a gap"))
    };
    layers.into_iter().map(whole).collect()
}
