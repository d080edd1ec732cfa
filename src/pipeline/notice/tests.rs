//! Does the notice stand at the one right place, and is all else as it was?

use proptest::prelude::*;

use super::*;

const LINE: &str = "<div role=\"status\" id=\"vingate-notice\">N</div>\n";

/// A page after the pass, in chunks of this many bytes.
fn placed(page: &[u8], size: usize) -> (Vec<u8>, Placing) {
    let mut placer = Placer::new("N");
    let chunks = page.chunks(size.max(1));
    let sent = chunks.flat_map(|chunk| placer.pass(Bytes::copy_from_slice(chunk)));
    let sent = sent.collect();
    (sent, placer.placing())
}

/// The line stands where `@` stands in the page.
fn check(page: &str) {
    let (plain, expected) = (page.replace('@', ""), page.replace('@', LINE));
    for size in [1, 2, 3, 7, plain.len()] {
        let (sent, placing) = placed(plain.as_bytes(), size);
        assert_eq!(String::from_utf8_lossy(&sent), expected, "chunks of {size}");
        let there = page.contains('@');
        assert_eq!(placing == Placing::Placed, there, "{page}");
    }
}

#[test]
fn the_line_stands_right_after_the_body_tag() {
    check("<!doctype html>\n<html><head></head><body>@<p>Hello</p></body></html>");
    check("<BODY>@");
    check("<body class=\"a > b\" data-x='>'>@text");
    check("<body\n\tonload = \"f('>')\" x=a>@");
    check("<body class=a/b/>@");
    check("<body/>@");
    check("<body =\">@\">");
    check("<body x\">@\">");
    check("<body x=>@");
    check("\u{feff}  <html><body>@");
    check("<html><body>@<body>");
    check("a<");
}

#[test]
fn what_only_looks_like_the_tag_is_passed_over() {
    check("<!-- <body> --><body>@");
    check("<!-- > -- <body> --!><body>@");
    check("<!--><body>@");
    check("<!---><body>@");
    check("<!-- -->--><body>@");
    check("<!-><body>@");
    check("<!doctype html \"<\"><body>@");
    check("<?xml version='1.0'?><body>@");
    check("<script>if (a<b) w('<body>')</script><body>@");
    check("<SCRIPT type=\"x>y\">'<body>'</Script ><body>@");
    check("<script>'</scripts><body>'</script x='>'><body>@");
    check("<script><!--\nw('<body>')\n//--></script><body>@");
    check("<script><!-- <script> '<body>' </script> '<body>' --></script><body>@");
    check("<script><!-- <script> --> </script><body>@");
    check("<style>a::after{content:'<body>'}</style><body>@");
    check("<title>the <body> of it</title><body>@");
    check("<template><body></template><body>@");
    check("<noscript><style>x{}</style></noscript><body>@");
    check("<bodyguard><tbody></body><body>@");
    check("</ body><body>@");
    check("<a href=x<body><body>@");
    check("<<body>@");
}

#[test]
fn a_page_without_the_tag_passes_as_it_is() {
    check("<html><p>Hello</p></html>");
    check("<html><frameset><noframes><body></noframes></frameset>");
    check("{\"html\": \"<body>\"}");
    check("<body");
    check("<body class=\">");
    check("<script><body>");
    check("");
}

#[test]
fn after_64_kib_it_is_not_looked_for_any_more() {
    let page = |spaces: usize| format!("<html>{}<body>", " ".repeat(spaces));
    let most = LONGEST_HEAD - page(0).len();
    let (sent, placing) = placed(page(most).as_bytes(), 1_000);
    assert_eq!(placing, Placing::Placed);
    assert!(sent.ends_with(LINE.as_bytes()));
    let (sent, placing) = placed(page(most + 1).as_bytes(), 1_000);
    assert_eq!(placing, Placing::Nowhere);
    assert_eq!(sent, page(most + 1).as_bytes());
}

#[test]
fn a_text_is_one_line_of_ascii_that_is_no_markup() {
    let text = "Die App\r\nist <b>zu</b> & \"still\" \u{fc}\u{1f697}\u{85}";
    let expected = "<div role=\"status\" id=\"vingate-notice\">Die App  ist &lt;b&gt;zu&lt;/b&gt; \
                    &amp; &quot;still&quot; &#252;&#128663; </div>\n";
    assert_eq!(String::from_utf8_lossy(&line(text)), expected);
}

/// Pieces that bring the states of the search about.
fn page() -> impl Strategy<Value = String> {
    let pieces = vec![
        "<",
        ">",
        "</",
        "body",
        "<body",
        "<body>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "--",
        "!",
        "\"",
        "'",
        "=",
        " ",
        "/",
        "x",
        "<title>",
        "</title>",
        "<html",
        "\n",
        "?",
        "<script ",
        "\u{e9}",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn no_byte_is_lost_or_doubled_whatever_the_chunks(
        page in page(),
        cuts in prop::collection::vec(0_usize..200, 0..10),
    ) {
        let (whole, placing) = placed(page.as_bytes(), page.len());
        let mut placer = Placer::new("N");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(page.len())).collect();
        cuts.sort_unstable();
        cuts.push(page.len());
        let (mut sent, mut from) = (Vec::new(), 0);
        for cut in cuts {
            sent.extend(placer.pass(Bytes::copy_from_slice(&page.as_bytes()[from..cut])));
            from = cut;
        }
        prop_assert_eq!(&sent, &whole);
        prop_assert_eq!(placer.placing(), placing);
        let text = String::from_utf8(sent).unwrap();
        let times = text.matches(LINE).count();
        prop_assert_eq!(times, usize::from(placing == Placing::Placed));
        prop_assert_eq!(text.replacen(LINE, "", 1), page);
    }

    #[test]
    fn any_bytes_pass(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..9) {
        let mut html = b"<".to_vec();
        html.extend(&bytes);
        let (sent, placing) = placed(&html, size);
        if placing == Placing::Placed {
            prop_assert_eq!(sent.len(), html.len().saturating_add(LINE.len()));
        } else {
            prop_assert_eq!(sent, html);
        }
    }
}
