//! The networks that a scenario may name.

use std::collections::HashMap;

use super::{Network, all, table};
use crate::input::{InputError, Source};

/// The zoo, and beside it the networks of layer tables.
#[derive(Clone, Debug)]
pub struct Library {
    networks: Vec<Network>,
    /// Index of each by name.
    places: HashMap<String, usize>,
    /// How many of them are the zoo's.
    zoo: usize,
}

impl Default for Library {
    fn default() -> Self {
        Self::zoo()
    }
}

impl Library {
    /// The zoo alone.
    pub fn zoo() -> Self {
        let mut library = Self { networks: Vec::new(), places: HashMap::new(), zoo: 0 };
        all().into_iter().for_each(|network| library.push(network));
        library.zoo = library.networks.len();
        library
    }

    /// The zoo and the networks of these files.
    pub fn load<'p>(paths: impl IntoIterator<Item = &'p str>) -> Result<Self, InputError> {
        let mut library = Self::zoo();
        for path in paths {
            library.add_table(&Source::read(path)?)?;
        }
        Ok(library)
    }

    /// Adds the networks of a [layer table](table); none may have the name of another.
    pub fn add_table(&mut self, source: &Source) -> Result<(), InputError> {
        for (line, network) in table::parse(source)? {
            if self.find(&network.name).is_some() {
                let what = format!("there is a network `{}` already", network.name);
                return Err(InputError::new(&source.origin, what, "give it another name").at_line(line));
            }
            self.push(network);
        }
        Ok(())
    }

    /// The network of that name.
    pub fn find(&self, name: &str) -> Option<&Network> {
        self.places.get(name).map(|&place| &self.networks[place])
    }

    /// Whether a layer table gave the network of that name.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.places.get(name).is_some_and(|&place| place >= self.zoo)
    }

    /// All of them, the zoo's first.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Their names, the zoo's first.
    pub fn names(&self) -> Vec<&str> {
        self.networks.iter().map(|network| network.name.as_ref()).collect()
    }

    fn push(&mut self, network: Network) {
        self.places.insert(network.name.to_string(), self.networks.len());
        self.networks.push(network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_adds_networks_but_replaces_none() {
        let mut library = Library::zoo();
        let zoo = library.names().len();
        let header = "network,layer,op,k,c,y,x,r,s,stride,groups";
        let source = |name: &str| Source {
            origin: "n.csv".into(),
            text: format!("{header}\n{name},1,fc,2,2,1,1,1,1,1,1\n"),
        };
        library.add_table(&source("mine")).unwrap();
        assert_eq!(library.names().len(), zoo + 1);
        assert!(library.is_loaded("mine") && !library.is_loaded("fbnet_c"));
        for taken in ["mine", "fbnet_c"] {
            let error = library.add_table(&source(taken)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("n.csv:2: there is a network `{taken}` already")), "{error}");
        }
    }
}
