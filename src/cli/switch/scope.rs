//! What do the flags name?

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::cli::Failure;
use crate::cli::switch::lines;
use crate::switchboard::Scope;

/// One flag a dimension; what all of them name together.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ScopeArgs {
    /// Everything.
    #[arg(long)]
    all: bool,
    /// Surface. Repeatable, as every flag of these.
    #[arg(long = "surface", value_name = "SURFACE")]
    surfaces: Vec<String>,
    /// Region.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// Route id.
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<String>,
    /// Action, or group of actions, of the Cedar schema.
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// Upstream.
    #[arg(long = "upstream", value_name = "UPSTREAM")]
    upstreams: Vec<String>,
    /// Version of the client, where its surface says how a request tells one.
    #[arg(long = "client-version", value_name = "VERSION")]
    client_versions: Vec<String>,
    /// OAuth client id.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// Tenant.
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Subject of an issuer.
    #[arg(long = "subject", value_name = "ISSUER/SUBJECT")]
    subjects: Vec<String>,
    /// File of VINs, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    vehicle_file: Option<PathBuf>,
}

impl ScopeArgs {
    /// Whether no flag is given.
    pub(super) fn is_empty(&self) -> bool {
        self.vehicle_file.is_none() && self.named().is_empty()
    }

    /// The scope.
    ///
    /// # Errors
    /// The file of vehicles can't be used.
    pub(super) fn scope(&self) -> Result<Scope, Failure> {
        let vehicles = match &self.vehicle_file {
            Some(file) => lines::vehicles(file)?,
            None => BTreeSet::new(),
        };
        Ok(Scope {
            vehicles,
            ..self.named()
        })
    }

    fn named(&self) -> Scope {
        let set = |names: &[String]| names.iter().cloned().collect();
        Scope {
            all: self.all,
            surfaces: set(&self.surfaces),
            regions: set(&self.regions),
            routes: set(&self.routes),
            actions: set(&self.actions),
            upstreams: set(&self.upstreams),
            client_versions: set(&self.client_versions),
            clients: set(&self.clients),
            tenants: set(&self.tenants),
            subjects: set(&self.subjects),
            vehicles: BTreeSet::new(),
        }
    }
}
