//! Which signatures are none?

use super::*;

/// The order of P-256 (SEC 2, 2.4.2): no half of a signature reaches it.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = [altered(world), other_keys(world), halves(world)].concat();
    rows.extend(secrets(world));
    rows
}

fn bad(name: impl Into<String>, token: String) -> Row {
    (name.into(), token, TokenFlaw::BadSignature)
}

/// A fixed-size ECDSA signature in DER, as OpenSSL writes it.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let mut value = vec![0];
        value.extend_from_slice(half);
        [vec![2, 33], value].concat()
    };
    let both = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

fn altered(world: &World) -> Vec<Row> {
    let good = world.a.sign(&header(), &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let victim = encode(with(claims(), json!({ "sub": "victim" })).to_string());
    let longer = encode(with(claims(), json!({ "exp": NOW + 301 })).to_string());
    let wider = encode(with(claims(), json!({ "scope": "read control own" })).to_string());
    let spaced = encode(format!("{} ", claims()));
    let other = encode(with(header(), json!({ "x": 1 })).to_string());
    let mut rows = vec![
        bad("another subject", format!("{head}.{victim}.{signature}")),
        bad("a longer life", format!("{head}.{longer}.{signature}")),
        bad("another scope", format!("{head}.{wider}.{signature}")),
        bad("a space more", format!("{head}.{spaced}.{signature}")),
        bad("another header", format!("{other}.{payload}.{signature}")),
        bad("no signature", format!("{message}.")),
        bad("truncated", resigned(&good, |s| s[..63].to_vec())),
        bad("one byte", resigned(&good, |s| s[..1].to_vec())),
        bad("extended", resigned(&good, |s| [s, vec![0]].concat())),
        bad("twice", resigned(&good, |s| [s.clone(), s].concat())),
        bad("DER", resigned(&good, |s| der(&s))),
        bad(
            "halves swapped",
            resigned(&good, |s| [&s[32..], &s[..32]].concat()),
        ),
        bad("zeros before", resigned(&good, |s| [vec![0], s].concat())),
        bad(
            "a size of P-384",
            resigned(&good, |s| [s, vec![0; 32]].concat()),
        ),
    ];
    for bit in [0, 1, 8, 31 * 8, 32 * 8, 40 * 8 + 3, 63 * 8, 63 * 8 + 7] {
        let flip = |mut s: Vec<u8>| {
            s[bit / 8] ^= 1 << (bit % 8);
            s
        };
        rows.push(bad(format!("bit {bit}"), resigned(&good, flip)));
    }
    rows
}

/// Values that no signature has, and that broken checks took (CVE-2022-21449).
fn halves(world: &World) -> Vec<Row> {
    let good = world.a.sign(&header(), &claims());
    let (mut one, mut above) = ([0; 32], ORDER);
    (one[31], above[31]) = (1, 0x52);
    let values = [
        ("0", [0; 32]),
        ("1", one),
        ("n", ORDER),
        ("n + 1", above),
        ("2^256 - 1", [0xff; 32]),
    ];
    let mut rows = Vec::new();
    for (r, first) in values {
        for (s, second) in values {
            let token = resigned(&good, |_| [first, second].concat());
            rows.push(bad(format!("r = {r}, s = {s}"), token));
        }
        let kept_s = resigned(&good, |kept| [&first, &kept[32..]].concat());
        let kept_r = resigned(&good, |kept| [&kept[..32], &first].concat());
        rows.push(bad(format!("r = {r}"), kept_s));
        rows.push(bad(format!("s = {r}"), kept_r));
    }
    rows
}

fn other_keys(world: &World) -> Vec<Row> {
    let claims = claims();
    let theirs = with(claims.clone(), json!({ "iss": "https://rsa.example" }));
    let listed = with(header(), json!({ "alg": "PS256", "kid": "r" }));
    let unlisted = with(header(), json!({ "alg": "RS256", "kid": "r" }));
    let stranger = Pair::es256("a");
    let short = resigned(&world.rsa.sign(&listed, &theirs), |s| s[..255].to_vec());
    let zeros = resigned(&world.rsa.sign(&listed, &theirs), |_| vec![0; 256]);
    let one = resigned(&world.rsa.sign(&listed, &theirs), |_| {
        [vec![0; 255], vec![1]].concat()
    });
    vec![
        bad("another issuer's key", world.other.sign(&header(), &claims)),
        bad(
            "nobody's key under a name that is known",
            stranger.sign(&header(), &claims),
        ),
        bad("the issuer's other key", world.b.sign(&header(), &claims)),
        bad(
            "an RS256 signature that says PS256",
            world.rsa.sign(&listed, &theirs),
        ),
        bad("an RSA signature cut", short),
        bad("an RSA signature of zero", zeros),
        bad("an RSA signature of one", one),
        (
            "an algorithm that its issuer doesn't list".to_owned(),
            world.rsa.sign(&unlisted, &theirs),
            TokenFlaw::WrongAlgorithm,
        ),
        (
            "an RSA key for an ES256 issuer".to_owned(),
            world.rsa.sign(&unlisted, &claims),
            TokenFlaw::WrongAlgorithm,
        ),
    ]
}

/// Public keys taken for shared secrets (RFC 8725, 2.1).
fn secrets(world: &World) -> Vec<Row> {
    let part = |jwk: &Value, name: &str| members::decode(jwk[name].as_str().unwrap()).unwrap();
    let (x, y) = (part(&world.a.jwk, "x"), part(&world.a.jwk, "y"));
    let point = [vec![4], x.clone(), y].concat();
    let secrets = [
        ("the point", point),
        ("x", x),
        ("the JWK", world.a.jwk.to_string().into_bytes()),
        (
            "the JWK set",
            json!({ "keys": [world.a.jwk] }).to_string().into_bytes(),
        ),
        ("the modulus", part(&world.rsa.jwk, "n")),
        ("nothing", Vec::new()),
        ("secret", b"secret".to_vec()),
        ("a guess", b"password".to_vec()),
    ];
    let signed = |(name, secret): (&str, Vec<u8>)| {
        let header = with(header(), json!({ "alg": "HS256" })).to_string();
        let message = format!("{}.{}", encode(header), encode(claims().to_string()));
        let key = hmac::Key::new(HMAC_SHA256, &secret);
        let token = format!("{message}.{}", encode(hmac::sign(&key, message.as_bytes())));
        (format!("HS256 by {name}"), token, TokenFlaw::WrongAlgorithm)
    };
    secrets.map(signed).into()
}
