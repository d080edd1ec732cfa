//! What changes, as it changes?
//!
//! Server-sent events: `board` at the start and at each change of what is in force, with the closures
//! that changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::watch;

use crate::admin::Operated;
use crate::admin::api::Admitted;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::switchboard::store::Switchboard;
use crate::switchboard::{Board, Closure};

/// A quiet stream says so, so that a dead one is noticed.
const BEAT: Duration = Duration::from_secs(15);

/// What changed.
#[derive(Serialize)]
struct Told<'a> {
    revision: u64,
    durable: bool,
    closures: Vec<&'a Closure>,
}

/// What a stream told last.
struct Following {
    operated: Operated,
    admitted: Admitted,
    switchboard: Arc<Switchboard>,
    changes: watch::Receiver<u64>,
    told: Option<Arc<Board>>,
}

pub(super) async fn follow(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Extension(admitted): Extension<Admitted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    operated.permit(&person, Act::Follow, Circumstances::default())?;
    let mut changes = operated.switchboard.changes();
    changes.mark_changed(); // the board as it is comes first
    let following = Following {
        switchboard: Arc::clone(&operated.switchboard),
        operated,
        admitted,
        changes,
        told: None,
    };
    let events = futures_util::stream::unfold(following, async |mut following| {
        following.changes.changed().await.ok()?; // the gateway ends
        if !following.may_still() {
            return None; // the roles changed since
        }
        let event = following.tell();
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)))
}

impl Following {
    /// A stream may be open for days: who may see what it tells is asked each time.
    fn may_still(&self) -> bool {
        let person = self.admitted.again();
        person.is_some_and(|person| {
            let at = Circumstances::default();
            self.operated.permit(&person, Act::Follow, at).is_ok()
        })
    }

    fn tell(&mut self) -> Event {
        let board = self.switchboard.board();
        let before = self.told.take();
        let known = |closure: &Closure| {
            let before = before.as_ref().and_then(|board| board.get(&closure.id));
            before.is_some_and(|known| **known == *closure)
        };
        let changed = board.closures().filter(|closure| !known(closure));
        let told = Told {
            revision: board.revision(),
            durable: self.switchboard.is_durable(),
            closures: changed.map(Arc::as_ref).collect(),
        };
        let id = board.revision().to_string();
        let event = Event::default().event("board").id(id).json_data(&told);
        drop(told);
        self.told = Some(Arc::clone(&board));
        event.unwrap_or_else(|_| Event::default().event("board")) // can't fail: all keys are strings
    }
}
