//! The first frame of either side: who it is and how it wants to talk. [openwire §2.2]

use super::{DecodeError, PrimitiveMap, Sink, Source, Structure, Text, Value};
use bytes::Bytes;

/// The newest version.
pub const VERSION: u8 = 12;

/// What a `WireFormatInfo` begins with.
pub(super) const MAGIC: [u8; 8] = *b"ActiveMQ";

/// `WireFormatInfo`, type 1: always loose, never cached, without a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireFormatInfo {
    /// `Version`: the newest that the sender speaks.
    pub version: i32,
    /// `MarshalledProperties`: its other wishes, see [`WireFormatInfo::offer`].
    pub marshalled_properties: Option<Bytes>,
}

impl Structure for WireFormatInfo {
    const WANTED: &'static str = "WireFormatInfo";

    fn blank(code: u8) -> Option<Self> {
        (code == 1).then(Self::default)
    }

    fn code(&self) -> u8 {
        1
    }

    fn name(&self) -> &'static str {
        "WireFormatInfo"
    }

    fn since(&self) -> u8 {
        1
    }

    fn read<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        self.version = source.i32("Version")?;
        self.marshalled_properties = source.bytes("MarshalledProperties")?;
        Ok(())
    }

    fn write<K: Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
        sink.i32("Version", self.version)?;
        sink.bytes("MarshalledProperties", self.marshalled_properties.as_ref())
    }
}

/// What a side of a connection wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `Version`.
    pub version: i32,
    /// `CacheEnabled`: may ids be sent by number?
    pub cache_enabled: bool,
    /// `CacheSize`: of how many.
    pub cache_size: i32,
    /// `TightEncodingEnabled`: may booleans be packed in front?
    pub tight_encoding_enabled: bool,
    /// `SizePrefixDisabled`: may frames come without their size?
    pub size_prefix_disabled: bool,
    /// `StackTraceEnabled`: may exceptions carry where they come from?
    pub stack_trace_enabled: bool,
    /// `TcpNoDelayEnabled`.
    pub tcp_no_delay_enabled: bool,
    /// `MaxInactivityDuration`, in milliseconds; 0: no keep-alive.
    pub max_inactivity_duration_ms: i64,
    /// `MaxInactivityDurationInitalDelay`, in milliseconds.
    pub initial_delay_ms: i64,
    /// `MaxFrameSize`; without it there is no limit.
    pub max_frame_size: Option<i64>,
    /// `Host`: what the client dialled.
    pub host: Option<Text>,
    /// `ProviderName`: for the log.
    pub provider_name: Option<Text>,
    /// `ProviderVersion`: for the log.
    pub provider_version: Option<Text>,
    /// `PlatformDetails`: for the log.
    pub platform_details: Option<Text>,
}

impl Default for Offer {
    /// What we wish unless told otherwise: loose, no cache, no stack traces.
    fn default() -> Self {
        Self {
            version: i32::from(VERSION),
            cache_enabled: false,
            cache_size: 1024,
            tight_encoding_enabled: false,
            size_prefix_disabled: false,
            stack_trace_enabled: false,
            tcp_no_delay_enabled: true,
            max_inactivity_duration_ms: 30_000,
            initial_delay_ms: 10_000,
            max_frame_size: Some(i64::from(super::BROKER_FRAME)),
            host: None,
            provider_name: Some(Text::from("cordboard")),
            provider_version: None,
            platform_details: None,
        }
    }
}

impl Offer {
    /// The offer as the frame that carries it.
    pub fn to_info(&self) -> WireFormatInfo {
        let mut map = PrimitiveMap::default();
        let flags = [
            ("StackTraceEnabled", self.stack_trace_enabled),
            ("CacheEnabled", self.cache_enabled),
            ("TcpNoDelayEnabled", self.tcp_no_delay_enabled),
            ("SizePrefixDisabled", self.size_prefix_disabled),
            ("TightEncodingEnabled", self.tight_encoding_enabled),
        ];
        for (name, value) in flags {
            map.insert(name, Value::Bool(value));
        }
        map.insert("CacheSize", Value::Int(self.cache_size));
        let durations = [
            ("MaxInactivityDuration", self.max_inactivity_duration_ms),
            ("MaxInactivityDurationInitalDelay", self.initial_delay_ms),
        ];
        for (name, value) in durations {
            map.insert(name, Value::Long(value));
        }
        if let Some(size) = self.max_frame_size {
            map.insert("MaxFrameSize", Value::Long(size));
        }
        let texts = [
            ("Host", &self.host),
            ("ProviderName", &self.provider_name),
            ("ProviderVersion", &self.provider_version),
            ("PlatformDetails", &self.platform_details),
        ];
        for (name, value) in texts {
            if let Some(text) = value {
                map.insert(name, Value::Text(text.clone()));
            }
        }
        WireFormatInfo {
            version: self.version,
            marshalled_properties: Some(map.to_bytes()),
        }
    }
}

impl WireFormatInfo {
    /// The sender's wishes. What is missing or of another type counts as false, 0 or unlimited.
    ///
    /// # Errors
    /// When the properties are no map.
    pub fn offer(&self) -> Result<Offer, DecodeError> {
        let map = match &self.marshalled_properties {
            Some(bytes) => PrimitiveMap::read(bytes)?.unwrap_or_default(),
            None => PrimitiveMap::default(),
        };
        let flag = |name| matches!(map.get(name), Some(Value::Bool(true)));
        let text = |name| match map.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let long = |name| match map.get(name) {
            Some(Value::Long(value)) => Some(*value),
            Some(Value::Int(value)) => Some(i64::from(*value)),
            _ => None,
        };
        let delay = long("MaxInactivityDurationInitalDelay")
            .or_else(|| long("MaxInactivityDurationInitialDelay"));
        Ok(Offer {
            version: self.version,
            cache_enabled: flag("CacheEnabled"),
            cache_size: match map.get("CacheSize") {
                Some(Value::Int(size)) => *size,
                _ => 0,
            },
            tight_encoding_enabled: flag("TightEncodingEnabled"),
            size_prefix_disabled: flag("SizePrefixDisabled"),
            stack_trace_enabled: flag("StackTraceEnabled"),
            tcp_no_delay_enabled: flag("TcpNoDelayEnabled"),
            max_inactivity_duration_ms: long("MaxInactivityDuration").unwrap_or(0),
            initial_delay_ms: delay.unwrap_or(0),
            max_frame_size: long("MaxFrameSize"),
            host: text("Host"),
            provider_name: text("ProviderName"),
            provider_version: text("ProviderVersion"),
            platform_details: text("PlatformDetails"),
        })
    }
}
