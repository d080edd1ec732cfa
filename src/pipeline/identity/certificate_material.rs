//! What do the files of authorities and revocation lists hold?

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::config::file;
use crate::pipeline::identity::certificate::since_epoch;

/// What was read from files.
pub(super) struct Material {
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Material {
    pub(super) fn read(settings: &file::CertificateIssuer) -> Result<Self, (&'static str, String)> {
        let shown = settings.authorities_file.display();
        let authorities: Vec<_> = CertificateDer::pem_file_iter(&settings.authorities_file)
            .and_then(Iterator::collect)
            .map_err(|error| ("authorities_file", format!("`{shown}`: {error}")))?;
        if authorities.is_empty() {
            return Err(("authorities_file", format!("`{shown}`: no certificate")));
        }
        let mut lists = Vec::new();
        for file in &settings.crl_files {
            lists.extend(read_lists(file).map_err(|flaw| ("crl_files", flaw))?);
        }
        Ok(Self { authorities, lists })
    }

    pub(super) fn verifier(self) -> Result<Arc<dyn ClientCertVerifier>, (&'static str, String)> {
        let mut roots = RootCertStore::empty();
        for der in self.authorities {
            let added = roots.add(der);
            added.map_err(|error| ("authorities_file", format!("not an authority: {error}")))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // By default the whole chain is looked up, and what is on no list is refused.
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(self.lists)
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| ("crl_files", error.to_string()))
    }

    /// Where there are lists, each authority has one: without it nothing that it signed would count.
    pub(super) fn check_covered(&self) -> Result<(), (&'static str, String)> {
        if self.lists.is_empty() {
            return Ok(());
        }
        for (at, der) in self.authorities.iter().enumerate() {
            let Ok((_, authority)) = X509Certificate::from_der(der) else {
                continue; // told when it is added
            };
            let covers = |list: &CertificateRevocationListDer<'_>| {
                let read = CertificateRevocationList::from_der(list);
                read.is_ok_and(|(_, list)| list.issuer().as_raw() == authority.subject().as_raw())
            };
            if !self.lists.iter().any(covers) {
                let number = at.saturating_add(1);
                let flaw = format!("no revocation list of certificate {number} of the authorities");
                return Err(("crl_files", flaw));
            }
        }
        Ok(())
    }

    pub(super) fn next_updates(&self) -> Vec<Duration> {
        let read = |list| CertificateRevocationList::from_der(list).ok();
        let lists = self.lists.iter().filter_map(|list| read(list.as_ref()));
        lists
            .filter_map(|(_, list)| list.next_update().map(since_epoch))
            .collect()
    }
}

fn read_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let shown = file.display();
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("`{shown}`: {error}"))?;
    if lists.is_empty() {
        return Err(format!("`{shown}`: no revocation list"));
    }
    Ok(lists)
}
