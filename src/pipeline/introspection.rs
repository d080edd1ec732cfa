//! Has the issuer to be asked who sends a token?
//!
//! The question that [`decide`](super::decide) awaits, bounded in time: unknown is not inactive.

use std::sync::Arc;

use crate::denial::{Denial, Dependency};
use crate::pipeline::identity::introspected::Opaque;
use crate::pipeline::ports::Ports;
use crate::pipeline::route::Surface;
use crate::pipeline::{Principal, RequestHead};
use crate::rules::Rules;

/// Whom the token of a request is of, where its issuer says that and not the token; `None` where there
/// is nothing to ask.
pub(super) async fn ask(
    (ports, rules): (&Ports, &Rules),
    surface: &Surface,
    head: &RequestHead,
) -> Result<Option<Arc<Principal>>, Denial> {
    let question = match rules.issuers.opaque(surface, head) {
        Opaque::No => return Ok(None),
        Opaque::Known(known) => return known.map(Some).map_err(Denial::TokenInvalid),
        Opaque::Unknown(question) => question,
    };
    let source = question.source();
    let limit = source.asked.timeout.get();
    let answer = ports.introspection.ask(source, question.token());
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => question.judge(&answer).map(Some),
        Ok(Err(_)) | Err(_) => Err(Denial::DependencyUnavailable(Dependency::Introspection)),
    }
}
