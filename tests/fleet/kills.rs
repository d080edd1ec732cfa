//! Is there always the old or the new board, whenever a gateway is killed?

use std::process::{Child, Command, Stdio};

use vingate::clock;

use crate::house::{Fleet, status};
use crate::support::Gateway;
use crate::support::redis::Redis;

/// So many times in each of the lanes, which run side by side.
const TURNS: u32 = 25;

/// An operator's command.
fn toggle(gateway: &Gateway, words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_vingate"))
        .args(words)
        .env("VINGATE_SOCKET", gateway.folder.path().join("admin.sock"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

const CLOSE: [&str; 6] = ["switch", "close", "--surface", "mobile", "--reason", "leak"];
const OPEN: [&str; 4] = ["switch", "open", "--surface", "mobile"];

/// Kills a gateway again and again; how many of its changes were confirmed, and how many were not
/// and are there all the same.
fn lane(number: u32) -> (u32, u32) {
    let mut fleet = Fleet::over(Redis::start());
    fleet.add("killed", &[]);
    let begun = clock::monotonic();
    assert!(toggle(&fleet.gateways[0], &CLOSE).wait().unwrap().success());
    let whole = clock::monotonic() - begun;
    let (mut before, mut confirmed, mut unconfirmed) = (503, 0, 0);
    for turn in 0..TURNS {
        let gateway = fleet.gateways.pop().unwrap();
        let wanted = if before == 200 { 503 } else { 200 };
        let words = if wanted == 503 { &CLOSE[..] } else { &OPEN };
        let mut operator = toggle(&gateway, words);
        // moments spread over the time that a change takes, and a little more, in no order
        let share = (turn * 4 + number) * 37 % 100;
        std::thread::park_timeout(whole * (share + 20) / 100);
        let folder = gateway.kill();
        let done = operator.wait().unwrap().success();
        fleet.start_again(folder);
        let gateway = &fleet.gateways[0];
        let said = gateway.stderr();
        assert!(!said.contains("refused"), "turn {turn}: {said}");
        let found = status(gateway, "mobile");
        assert!([before, wanted].contains(&found), "turn {turn}: {found}");
        if done {
            assert_eq!(found, wanted, "turn {turn}: what was confirmed holds");
            confirmed += 1;
        } else if found == wanted {
            unconfirmed += 1;
        }
        assert_eq!(status(gateway, "portal"), 200, "turn {turn}");
        before = found;
    }
    (confirmed, unconfirmed)
}

#[test]
fn a_hundred_kills_during_toggles_leave_the_old_or_the_new_board() {
    let lanes: Vec<_> = (0..4)
        .map(|number| std::thread::spawn(move || lane(number)))
        .collect();
    let ended: Vec<_> = lanes.into_iter().map(|lane| lane.join().unwrap()).collect();
    let done: u32 = ended.iter().map(|(confirmed, _)| confirmed).sum();
    assert!(
        (1..100).contains(&done),
        "none, or all, were in time: {ended:?}"
    );
}
