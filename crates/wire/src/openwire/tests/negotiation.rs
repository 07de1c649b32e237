use super::super::*;
use super::{PLAIN, decode, frame, sized};

/// What the real broker and Java's client offer.
fn java() -> Offer {
    Offer {
        cache_enabled: true,
        tight_encoding_enabled: true,
        stack_trace_enabled: true,
        max_frame_size: Some(i64::MAX),
        ..Offer::default()
    }
}

#[test]
fn the_lesser_of_two_offers_counts_whichever_side_looks() {
    let theirs = Offer {
        version: 99,
        cache_size: 50,
        max_inactivity_duration_ms: 1500,
        initial_delay_ms: 0,
        max_frame_size: None,
        tcp_no_delay_enabled: false,
        ..java()
    };
    let agreed = agree(&java(), &theirs).expect("agreed");
    assert_eq!(agree(&theirs, &java()), Ok(agreed));
    let format = Format {
        version: 12,
        tight: true,
        cache: Some(50),
        stack_traces: true,
        max_frame: i32::MAX as u32,
    };
    let wanted = Agreed {
        format,
        tcp_no_delay: false,
        max_inactivity_ms: 1500,
        initial_delay_ms: 0,
    };
    assert_eq!(agreed, wanted);
    let future = Offer {
        version: 99,
        ..java()
    };
    assert_eq!(agree(&future, &future).expect("agreed").format.version, 12);
    let ours = agree(&Offer::default(), &java()).expect("agreed").format;
    let plain = Format {
        max_frame: BROKER_FRAME,
        ..PLAIN
    };
    assert_eq!(ours, plain);
}

#[test]
fn a_cache_size_of_0_is_16383_and_one_below_0_is_no_cache() {
    for (size, slots) in [
        (0, Some(16383)),
        (-1, None),
        (i32::MAX, Some(1024)),
        (1, Some(1)),
    ] {
        let theirs = Offer {
            cache_size: size,
            ..java()
        };
        let agreed = agree(&java(), &theirs).expect("agreed");
        assert_eq!(agreed.format.cache, slots, "{size}");
    }
}

#[test]
fn there_is_no_version_below_1_and_a_frame_has_its_size() {
    for version in [0, -1, i32::MIN] {
        let theirs = Offer { version, ..java() };
        assert_eq!(agree(&java(), &theirs), Err(Disagreed::Version(version)));
    }
    let bare = Offer {
        size_prefix_disabled: true,
        ..java()
    };
    assert!(agree(&java(), &bare).is_ok());
    assert_eq!(agree(&bare, &bare), Err(Disagreed::SizePrefix));
}

#[test]
fn an_offer_is_read_as_it_was_written() {
    let offers = [
        Offer::default(),
        java(),
        Offer {
            host: Some(Text::from("broker.example")),
            max_frame_size: None,
            ..java()
        },
    ];
    for offer in offers {
        let sent = frame(offer.to_info(), PLAIN);
        // Nothing was agreed on yet.
        let read = Decoder::default().decode(&sent.into());
        let Ok(Some(Command::WireFormatInfo(info))) = read else {
            panic!("{read:?}");
        };
        assert_eq!(info.offer(), Ok(offer));
    }
}

#[test]
fn what_an_offer_lacks_is_false_nothing_or_unlimited() {
    let bare = WireFormatInfo {
        version: 3,
        marshalled_properties: None,
    };
    let offer = bare.offer().expect("no properties are no error");
    assert!(!offer.cache_enabled && !offer.tight_encoding_enabled && !offer.tcp_no_delay_enabled);
    assert_eq!((offer.cache_size, offer.max_inactivity_duration_ms), (0, 0));
    assert_eq!((offer.version, offer.max_frame_size), (3, None));
    // NMS spells the delay right, and durations may be of either size; a wrong type counts as missing.
    let mut map = PrimitiveMap::default();
    map.insert("MaxInactivityDurationInitialDelay", Value::Int(7));
    map.insert("CacheEnabled", Value::Int(1));
    let info = WireFormatInfo {
        version: 10,
        marshalled_properties: Some(map.to_bytes()),
    };
    let offer = info.offer().expect("a map");
    assert_eq!((offer.initial_delay_ms, offer.cache_enabled), (7, false));
}

#[test]
fn nothing_but_an_offer_comes_first() {
    let keep_alive = frame(KeepAliveInfo::default(), PLAIN);
    let mut decoder = Decoder::default();
    let early = decoder.decode(&keep_alive.clone().into());
    assert_eq!(
        early.map_err(|e| e.kind),
        Err(DecodeErrorKind::TooEarly(10))
    );
    let mut out = Vec::new();
    let early = Encoder::default().encode(&KeepAliveInfo::default().into(), &mut out);
    assert_eq!(early, Err(EncodeError::TooEarly(10)));
    decoder.settle(PLAIN);
    assert_eq!(
        decoder.decode(&keep_alive.into()),
        Ok(Some(KeepAliveInfo::default().into()))
    );
    // A later offer is read too, in any encoding: what to make of it is not decided here.
    let tight = Format {
        tight: true,
        ..PLAIN
    };
    let again = frame(Offer::default().to_info(), tight);
    assert_eq!(
        decode(&again, tight),
        Ok(Some(Offer::default().to_info().into()))
    );
}

#[test]
fn a_wrong_magic_is_refused() {
    let mut sent = frame(Offer::default().to_info(), PLAIN);
    sent[12] = b'X';
    let read = Decoder::default().decode(&sent.into());
    assert_eq!(read.map_err(|e| e.kind), Err(DecodeErrorKind::Magic));
    // What else may knock at the port.
    let first = *b"GET ";
    assert!(frame_len(first, FIRST_FRAME).is_err());
    let hello = [0x16, 3, 1, 0];
    assert!(frame_len(hello, FIRST_FRAME).is_err());
}

#[test]
fn the_null_command_means_nothing() {
    assert_eq!(decode(&sized(&[0]), PLAIN), Ok(None));
    assert_eq!(
        decode(&sized(&[0, 0]), PLAIN),
        Err(DecodeErrorKind::Trailing)
    );
}
