//! Boundaries are found however the bytes come.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here is a test that fails"
)]

use proptest::prelude::*;

use super::*;

/// A frame's bytes, its length in the shortest spelling.
fn frame(first: u8, sender: Sender, payload: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    let bit = if sender == Sender::Client { MASKED } else { 0 };
    match payload {
        0..=125 => bytes.push(bit | u8::try_from(payload).unwrap()),
        126..=65_535 => {
            bytes.push(bit | 0x7e);
            bytes.extend(u16::try_from(payload).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(bit | 0x7f);
            bytes.extend(u64::try_from(payload).unwrap().to_be_bytes());
        }
    }
    if sender == Sender::Client {
        bytes.extend([0x12, 0x34, 0x56, 0x78]);
    }
    bytes.extend(std::iter::repeat_n(0x88, payload)); // looks like a Close frame, and is none
    bytes
}

/// What one side may send: messages, in fragments or whole, with control frames between.
fn stream(sender: Sender) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let payload = prop_oneof![0_usize..300, Just(65_535), Just(65_536), Just(70_000)];
    let control = prop::option::of((prop_oneof![Just(0x89_u8), Just(0x8a)], 0_usize..126));
    let message = (1_u8..3, prop::collection::vec((payload, control), 1..4));
    prop::collection::vec(message, 1..5).prop_map(move |messages| {
        let mut frames = Vec::new();
        for (opcode, fragments) in messages {
            let last = fragments.len() - 1;
            for (at, (payload, control)) in fragments.into_iter().enumerate() {
                let fin = if at == last { FINAL } else { 0 };
                let first = fin | if at == 0 { opcode } else { 0 };
                frames.push(frame(first, sender, payload));
                frames.extend(control.map(|(first, payload)| frame(first, sender, payload)));
            }
        }
        frames
    })
}

proptest! {
    #[test]
    fn boundaries_are_found_in_every_chunking(
        (sender, frames) in prop_oneof![Just(Sender::Client), Just(Sender::Server)]
            .prop_flat_map(|sender| (Just(sender), stream(sender))),
        cuts in prop::collection::vec(1_usize..5_000, 1..200),
    ) {
        let bytes = frames.concat();
        let mut ends = vec![0];
        for frame in &frames {
            ends.push(ends.last().unwrap() + frame.len());
        }
        let mut followed = Frames::of(sender);
        let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
        while at < bytes.len() {
            let next = (at + cuts.next().unwrap()).min(bytes.len());
            let end = *ends.iter().find(|end| **end >= at).unwrap();
            let rest = followed.rest_of_frame(&bytes[at..next]).unwrap();
            prop_assert_eq!(rest, end.min(next) - at, "up to the end of the frame under way");
            followed.pass(&bytes[at..next]).unwrap();
            at = next;
            prop_assert_eq!(followed.at_boundary(), ends.contains(&at), "at {}", at);
            prop_assert!(!followed.has_closed());
        }
        followed.pass(&close(1001, (sender == Sender::Client).then_some([1, 2, 3, 4]))).unwrap();
        prop_assert!(followed.has_closed() && followed.at_boundary());
        prop_assert_eq!(followed.pass(&frame(0x89, sender, 0)), Err(Broken));
    }

    #[test]
    fn bytes_that_are_no_frames_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for sender in [Sender::Client, Sender::Server] {
            let mut whole = Frames::of(sender);
            let mut single = Frames::of(sender);
            let one_by_one = bytes.chunks(1).try_for_each(|byte| single.pass(byte));
            prop_assert_eq!(whole.pass(&bytes), one_by_one, "the chunking makes no difference");
        }
    }
}

#[test]
fn what_the_standard_forbids_is_broken() {
    let table: [(&str, Sender, &[u8]); 14] = [
        (
            "a client's frame without a mask",
            Sender::Client,
            &[0x81, 0x01],
        ),
        (
            "a server's frame with a mask",
            Sender::Server,
            &[0x81, 0x81],
        ),
        ("a reserved bit", Sender::Server, &[0xc1]),
        ("a reserved bit", Sender::Server, &[0x91]),
        ("an unknown opcode", Sender::Server, &[0x83]),
        ("an unknown control opcode", Sender::Server, &[0x8b]),
        ("a continuation of nothing", Sender::Server, &[0x80]),
        (
            "a message within a message",
            Sender::Server,
            &[0x01, 0x00, 0x81],
        ),
        ("a control frame in fragments", Sender::Server, &[0x09]),
        ("a long control frame", Sender::Server, &[0x89, 126]),
        (
            "a length of two bytes that needs none",
            Sender::Server,
            &[0x82, 126, 0, 125],
        ),
        (
            "a length of eight bytes that needs two",
            Sender::Server,
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        ),
        (
            "a length with its first bit",
            Sender::Server,
            &[0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0],
        ),
        (
            "a frame after the Close",
            Sender::Server,
            &[0x88, 0x00, 0x81],
        ),
    ];
    for (what, sender, bytes) in table {
        assert_eq!(Frames::of(sender).pass(bytes), Err(Broken), "{what}");
    }
}

#[test]
fn a_close_frame_is_that_of_the_standard() {
    assert_eq!(&close(1013, None)[..], [0x88, 0x02, 0x03, 0xf5]);
    let masked = close(1001, Some([1, 2, 3, 4]));
    assert_eq!(&masked[..], [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
    assert_eq!(Frames::of(Sender::Client).pass(&masked), Ok(()));
}
