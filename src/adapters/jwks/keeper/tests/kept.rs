//! Is what was known before a restart believed, and what only looks like it not?

use std::fs;

use super::*;

/// A server, and the source of one that knew key `a` of it until now.
async fn left() -> (House, Source) {
    let house = House::new().await;
    let (keeper, _) = knowing(&house).await;
    let source = keeper.published.source().clone();
    (house, source)
}

async fn restored(source: Source, seal: &[u8; 32], now: Moment) -> Keeper {
    let (mut keeper, _) = sealed(source, seal);
    keeper.restore(now).await;
    keeper
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_set_outlives_a_restart_up_to_its_age() {
    let (house, source) = left().await;
    house.service.says("500 Internal Server Error", "", "");
    let begun = moment(3_000);
    let mut keeper = restored(source.clone(), &SEAL, begun).await;
    assert_eq!(ids(&keeper.published), ["a"], "without a question");
    keeper.ask(begun).await;
    assert_eq!(ids(&keeper.published), ["a"]);
    // its age goes on where it was
    assert!(keeper.next() <= moment(3_600).at);
    assert!(keeper.published.keys(moment(3_590).date).is_ok());
    assert!(keeper.published.keys(moment(3_601).date).is_err());
    keeper.look(moment(3_601)).await;
    assert_eq!(ids(&keeper.published), ["KeysTooOld"]);
    let keeper = restored(source, &SEAL, moment(3_601)).await;
    assert_eq!(
        ids(&keeper.published),
        ["KeysMissing"],
        "too old to begin with"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_written_here_for_this_is_not_believed() {
    let (_house, source) = left().await;
    let good = fs::read(&source.fetch.file).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let forged = set(&[&Pair::es256("forged")]);
    let (lines, _) = text.rsplit_once('\n').unwrap();
    let young = text.replacen("\"confirmed\":", "\"confirmed\":9", 1);
    for (why, bytes) in [
        ("another set", format!("{lines}\n{forged}")),
        ("another time", young),
        (
            "no seal",
            format!("{}\n{forged}", lines.lines().next().unwrap()),
        ),
        ("nothing", String::new()),
        (
            "an end that is missing",
            text.trim_end_matches('}').to_owned(),
        ),
        ("something more", format!("{text} ")),
        ("a large file", " ".repeat(5_000_000)),
    ] {
        fs::write(&source.fetch.file, bytes).unwrap();
        let keeper = restored(source.clone(), &SEAL, moment(0)).await;
        assert_eq!(ids(&keeper.published), ["KeysMissing"], "{why}");
    }
    fs::write(&source.fetch.file, good).unwrap();
    let believed = restored(source.clone(), &SEAL, moment(0)).await;
    assert_eq!(ids(&believed.published), ["a"]);
    let (mut issuer, mut url, mut algorithms) = (source.clone(), source.clone(), source.clone());
    issuer.issuer.push('/');
    url.url = None;
    algorithms.algorithms = [crate::config::file::Algorithm::EdDSA].into();
    let past = moment(0).date.checked_sub(Duration::from_secs(60));
    let early = Moment {
        date: past.unwrap(),
        ..moment(0)
    };
    for (why, source, seal, now) in [
        ("another key", source.clone(), [8; 32], moment(0)),
        ("from the future", source, SEAL, early),
        ("another issuer", issuer, SEAL, moment(0)),
        ("another URL", url, SEAL, moment(0)),
        ("no key that serves", algorithms, SEAL, moment(0)),
    ] {
        let keeper = restored(source, &seal, now).await;
        assert_eq!(ids(&keeper.published), ["KeysMissing"], "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_renewed_now_and_then_and_when_it_changes() {
    let house = House::new().await;
    let (mut keeper, _) = knowing(&house).await;
    let file = keeper.published.source().fetch.file.clone();
    let kept = || fs::read_to_string(&file).unwrap();
    let first = kept();
    keeper.ask(moment(100)).await;
    assert_eq!(kept(), first, "100 s of 3,600");
    keeper.ask(moment(200)).await;
    let second = kept();
    assert_ne!(second, first, "more than a twentieth");
    house.service.put(PATH, &set(&[&Pair::es256("b")]));
    keeper.ask(moment(201)).await;
    assert!(kept().contains(r#""kid":"b""#), "{}", kept());
    // a disk that takes nothing stops nothing
    fs::create_dir(file.with_extension("json.tmp")).unwrap();
    house.service.put(PATH, &set(&[&Pair::es256("c")]));
    keeper.ask(moment(202)).await;
    assert_eq!(ids(&keeper.published), ["c"]);
    assert!(kept().contains(r#""kid":"b""#));
    fs::remove_dir(file.with_extension("json.tmp")).unwrap();
    keeper.ask(moment(203)).await;
    assert!(kept().contains(r#""kid":"c""#), "tried again");
}
