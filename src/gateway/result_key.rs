//! Which result key does an answer give out, and to whom?
//!
//! The answer of a command that gives keys out is held back until its key is kept: a poll can follow
//! at once, on another connection and at another replica. The proxy's filters don't wait, so the thread
//! does, as for VINs in an answer.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::clock;
use crate::config::route::ResultKeyPlace;
use crate::gateway::Exchange;
use crate::pipeline::decide::Permit;
use crate::pipeline::ports::LookupError;
use crate::pipeline::result_key::{self, GivenOut};

/// Most bytes that are held back; the old servers' answers have 200. A longer one gives no key out.
const MOST: usize = 65_536;

/// What is held back of an answer; `None` where nothing is.
pub(super) fn begin(permit: &Permit) -> Option<BytesMut> {
    let place = permit.route().result_key.as_ref()?;
    place.given_out().map(|_| BytesMut::new())
}

/// Holds a piece of an answer back, or lets all that was held go.
pub(super) fn hold(body: &mut Option<Bytes>, exchange: &mut Exchange, end: bool) {
    let Some(mut held) = exchange.held.take() else {
        return;
    };
    held.extend_from_slice(&body.take().unwrap_or_default());
    let fits = held.len() <= MOST;
    if !end && fits {
        *body = Some(Bytes::new());
        exchange.held = Some(held);
        return;
    }
    if fits && keep(exchange, &held).is_err() {
        exchange.result_key_lost();
    }
    *body = Some(held.freeze());
}

/// Keeps the key of a whole answer, if it gives one out.
fn keep(exchange: &Exchange, answer: &[u8]) -> Result<(), LookupError> {
    let status = exchange.status.map(StatusCode::from_u16);
    let went_well = status.is_some_and(|status| status.is_ok_and(|status| status.is_success()));
    let Some(permit) = exchange.permit.as_deref().filter(|_| went_well) else {
        return Ok(());
    };
    let pointer = permit.route().result_key.as_ref();
    let pointer = pointer.and_then(ResultKeyPlace::given_out);
    let key = pointer.and_then(|pointer| result_key::given_out(answer, pointer));
    let (Some(key), Some(principal), Some(vin)) = (key, permit.principal(), permit.vin()) else {
        return Ok(()); // an error, as old servers have them within a 200
    };
    let given = GivenOut {
        upstream: &permit.route().upstream,
        principal,
        vin,
        key: &key,
    };
    let rules = &exchange.rules;
    let until = clock::unix_time().saturating_add(rules.result_key_lifetime);
    let kept = exchange.result_keys().keep(given, until);
    let limit = rules.limits.lookup_timeout.get();
    let mut kept = pin!(async {
        let kept = tokio::time::timeout(limit, kept).await;
        kept.unwrap_or(Err(LookupError::TimedOut))
    });
    let at_once = kept.as_mut().now_or_never();
    at_once.unwrap_or_else(|| block_in_place(|| Handle::current().block_on(kept)))
}
