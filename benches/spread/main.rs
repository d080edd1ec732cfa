//! How long is a closure on its way to every replica of a fleet?
//!
//! Fifty replicas in one process over one store without a network, each with a board on disk of its
//! own: what is measured is the way through the code, its disks, and the wake-ups of tasks. From the
//! moment that the first replica has it in force until each of the others has. What opens is on disk
//! first, and here fifty replicas share one: `TMPDIR=/dev/shm` takes the disk out.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement for the terminal"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vingate::adapters::local_fleet::LocalFleet;
use vingate::clock;
use vingate::switchboard::changes::{self, By, New};
use vingate::switchboard::closure::What;
use vingate::switchboard::seal::FleetKey;
use vingate::switchboard::spread::{Me, Spread};
use vingate::switchboard::store::{ColdStart, Switchboard};
use vingate::switchboard::timekeeping::{Timekeeping, Witness};
use vingate::switchboard::{Board, Scope, State};

const REPLICAS: usize = 50;
const TOGGLES: usize = 100;

/// Closures on the board besides, as on a bad day.
const OTHERS: usize = 200;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS; // `cargo test --benches` only builds it
    }
    let measured = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(measure()));
    match measured {
        Ok(times) => {
            println!("{REPLICAS} replicas, {TOGGLES} changes, {OTHERS} other closures");
            for (what, mut times) in ["closed", "opened"].into_iter().zip(times) {
                times.sort_unstable();
                let at = |share: usize| times[(times.len() - 1) * share / 100];
                let (half, most, all) = (at(50), at(99), at(100));
                println!("{what}: p50 {half:?}, p99 {most:?}, longest {all:?}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("spread: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The times of those that close, and of those that open.
async fn measure() -> Result<[Vec<Duration>; 2], String> {
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let store = LocalFleet::new();
    let mut boards = Vec::new();
    for number in 0..REPLICAS {
        let folder = root.path().join(number.to_string());
        let (board, _) = Switchboard::open(&folder, &ColdStart::default())?;
        let board = Arc::new(board);
        let me = Me {
            name: format!("gw{number}"),
            url: None,
            fleet: Witness::Other,
        };
        let spread = Spread::new(
            me,
            Arc::clone(&board),
            Arc::new(store.clone()),
            FleetKey::new(&[7; 32])?,
            Arc::new(Timekeeping::start()),
        );
        tokio::spawn(async move { spread.run().await });
        boards.push(board);
    }
    for number in 0..OTHERS {
        change(&boards[0], &format!("other-{number}"), &State::Closed)?;
    }
    seen(&boards, &format!("other-{}", OTHERS - 1), &State::Closed).await;
    let mut times = [Vec::new(), Vec::new()];
    for toggle in 0..TOGGLES {
        let state = [State::Closed, State::Open][toggle % 2].clone();
        let from = Arc::clone(&boards[toggle % REPLICAS]);
        let wanted = state.clone();
        let changed = tokio::task::spawn_blocking(move || change(&from, "c", &wanted)).await;
        changed.map_err(|error| error.to_string())??;
        times[toggle % 2].extend(seen(&boards, "c", &state).await);
    }
    Ok(times)
}

fn change(board: &Switchboard, id: &str, state: &State) -> Result<(), String> {
    let by = |revision| By {
        who: "bench",
        at: clock::unix_time().as_secs(),
        revision,
        break_glass: false,
    };
    let scope = Scope {
        surfaces: [id.to_owned()].into(),
        ..Scope::default()
    };
    let make = |known: &Board, revision| {
        if let Some(closure) = known.get(id) {
            let what = match state {
                State::Open => What::Open,
                State::ReadOnly | State::Restoring(_) | State::Closed => What::Close,
            };
            return changes::set(closure, state.clone(), what, by(revision));
        }
        let new = New::closing(id.to_owned(), scope, "measured".to_owned());
        Ok(changes::begin(new, by(revision)))
    };
    let changed = if *state == State::Open {
        board.open_up(make)
    } else {
        board.close(make)
    };
    changed.map(drop).map_err(|why| format!("{why:?}"))
}

/// How long until each board has it so.
async fn seen(boards: &[Arc<Switchboard>], id: &str, state: &State) -> Vec<Duration> {
    let begun = clock::monotonic();
    let mut left: Vec<&Arc<Switchboard>> = boards.iter().collect();
    let mut times: Vec<Duration> = Vec::new();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|board| {
            board
                .board()
                .get(id)
                .is_none_or(|known| known.state != *state)
        });
        times.extend(vec![elapsed(begun); before - left.len()]);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times
}

fn elapsed(begun: Instant) -> Duration {
    clock::monotonic().saturating_duration_since(begun)
}
