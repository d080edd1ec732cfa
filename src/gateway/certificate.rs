//! Which certificate did the client of this request show?

use std::sync::Arc;

use pingora::protocols::http::ServerSession;

use crate::pipeline::identity::certificate::ClientCertificate;

/// The one of its connection's handshake, or of the one that was resumed.
pub(super) fn shown(session: &ServerSession) -> Option<Arc<ClientCertificate>> {
    let digest = session.digest()?.ssl_digest.as_ref()?;
    digest.extension.get::<Arc<ClientCertificate>>().cloned()
}
