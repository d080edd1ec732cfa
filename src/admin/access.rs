//! Who may come in, and what may they do?
//!
//! One value, built whole from the configuration and swapped at a reload: roles and policies in force
//! are those of one moment, for whoever is connected already too.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::admin::accounts::Accounts;
use crate::admin::authority::{self, Authority};
use crate::admin::person::{self, Caller, Person, Stranger};
use crate::admin::tls;
use crate::config::file::{Admin, Roles};
use crate::config::{Loaded, Mistakes};
use crate::pipeline::policy::files::Files;

/// Roles, policies, and the operators' TLS.
pub struct Access {
    /// What each role may do.
    pub authority: Authority,
    /// One operator is all there is.
    pub single_person: bool,
    roles: Roles,
    tls: Option<Arc<ServerConfig>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access")
            .field("authority", &self.authority)
            .field("single_person", &self.single_person)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads certificates and the policies' folder `admin`.
    ///
    /// # Errors
    /// Every mistake: a folder that is missing, what doesn't validate, unusable certificates.
    pub fn load(loaded: &Loaded, files: &Files) -> Result<Self, Mistakes> {
        let config = &loaded.config;
        let place = |key: &str| loaded.origins.place(key);
        Self::read(&config.admin, files, &place)
    }

    pub(super) fn read(
        admin: &Admin,
        policies: &Files,
        place: &dyn Fn(&str) -> String,
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let tls = admin.tls.as_ref().and_then(|files| {
            let config = tls::server_config(files);
            config
                .map_err(|(key, flaw)| mistakes.add(place(&format!("admin.tls.{key}")), flaw))
                .ok()
        });
        let authority = match Authority::of(&policies.below(authority::FOLDER)) {
            Ok(authority) => Some(authority),
            Err(found) => {
                mistakes.extend(found);
                None
            }
        };
        let Some(authority) = authority.filter(|_| mistakes.is_empty()) else {
            return Err(mistakes);
        };
        Ok(Self {
            authority,
            single_person: admin.single_person,
            roles: admin.roles.clone(),
            tls,
        })
    }

    /// Who a caller is, with the roles in force. `always` are the Unix users that have every one.
    pub(super) fn identify(
        &self,
        caller: &Caller,
        always: &BTreeSet<u32>,
    ) -> Result<Person, Stranger> {
        person::identify(caller, &self.roles, always, &Accounts::read())
    }

    /// The server's side of the TLS address, if there is one.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }
}
