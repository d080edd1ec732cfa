//! May the principal see the VINs that an answer carries?
//!
//! Where a principal is something to vehicles by membership, such as a fleet's manager, which vehicles
//! that are is known only once the answer names them. The proxy's filters don't wait, so the thread
//! does: for the time of one look-up at most, its other work going on elsewhere, and only for what the
//! directory doesn't have at hand.

use std::pin::pin;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::gateway::Exchange;
use crate::pipeline::guard::Guard;
use crate::pipeline::lookup::Lookup;

/// Guards a piece of an answer's body.
pub(super) fn guard(body: &mut Option<Bytes>, exchange: &mut Exchange, end: bool) {
    if let Some(mut guard) = exchange.guard.take() {
        let chunk = body.take().unwrap_or_default();
        *body = Some(pass(&mut guard, exchange, chunk, end));
        exchange.guard = Some(guard);
    }
}

/// What can be sent of an answer, after VINs in it were asked about.
pub(super) fn pass(guard: &mut Guard, exchange: &Exchange, chunk: Bytes, end: bool) -> Bytes {
    let met = guard.meet(chunk, end);
    let unjudged = guard.unjudged(&met);
    let permit = exchange.permit.as_deref();
    if let Some(principal) = permit.and_then(|permit| permit.principal())
        && !unjudged.is_empty()
    {
        let lookup = Lookup {
            directory: exchange.directory(),
            limits: &exchange.rules.limits,
            principal,
            now: exchange.received_at,
        };
        let mut asked = pin!(lookup.visible(unjudged.clone()));
        let at_hand = asked.as_mut().now_or_never();
        let seen = at_hand.unwrap_or_else(|| block_in_place(|| Handle::current().block_on(asked)));
        guard.judge(unjudged, seen.ok());
    }
    guard.settle(met)
}
