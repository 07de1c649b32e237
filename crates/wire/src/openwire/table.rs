//! The tables of fields: each type's is written once, and reading and writing both walk it.
//!
//! [`Source`] is where fields come from and [`Sink`] where they go: a frame in either encoding, or whatever a tool
//! or a test likes (the tests fill the types from JSON and from random numbers, by the same tables). The names
//! passed along are the protocol's.

use super::{Text, Throwable};
use bytes::Bytes;
use std::sync::Arc;

/// Where the fields of a type come from, in the order of its table. [openwire §3.1]
pub trait Source {
    /// What can go wrong.
    type Error;
    /// The version that decides which fields there are.
    fn version(&self) -> u8;
    /// `bool`.
    fn bool(&mut self, name: &'static str) -> Result<bool, Self::Error>;
    /// `i8`.
    fn i8(&mut self, name: &'static str) -> Result<i8, Self::Error>;
    /// `i32`.
    fn i32(&mut self, name: &'static str) -> Result<i32, Self::Error>;
    /// `i64`.
    fn i64(&mut self, name: &'static str) -> Result<i64, Self::Error>;
    /// `str`.
    fn text(&mut self, name: &'static str) -> Result<Option<Text>, Self::Error>;
    /// `bytes`.
    fn bytes(&mut self, name: &'static str) -> Result<Option<Bytes>, Self::Error>;
    /// `obj`.
    fn object<T: Structure>(&mut self, name: &'static str) -> Result<Option<T>, Self::Error>;
    /// `cobj`.
    fn cached<T: Cacheable>(&mut self, name: &'static str) -> Result<Option<T>, Self::Error>;
    /// `arr`.
    fn array<T: Structure>(&mut self, name: &'static str) -> Result<Option<Vec<T>>, Self::Error>;
    /// `thr`.
    fn throwable(&mut self, name: &'static str) -> Result<Option<Throwable>, Self::Error>;
}

/// Where the fields of a type go, in the order of its table. [openwire §3.1]
pub trait Sink {
    /// What can go wrong.
    type Error;
    /// The version that decides which fields there are.
    fn version(&self) -> u8;
    /// `bool`.
    fn bool(&mut self, name: &'static str, value: bool) -> Result<(), Self::Error>;
    /// `i8`.
    fn i8(&mut self, name: &'static str, value: i8) -> Result<(), Self::Error>;
    /// `i32`.
    fn i32(&mut self, name: &'static str, value: i32) -> Result<(), Self::Error>;
    /// `i64`.
    fn i64(&mut self, name: &'static str, value: i64) -> Result<(), Self::Error>;
    /// `str`.
    fn text(&mut self, name: &'static str, value: Option<&Text>) -> Result<(), Self::Error>;
    /// `bytes`.
    fn bytes(&mut self, name: &'static str, value: Option<&Bytes>) -> Result<(), Self::Error>;
    /// `obj`.
    fn object<T: Structure>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
    ) -> Result<(), Self::Error>;
    /// `cobj`.
    fn cached<T: Cacheable>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
    ) -> Result<(), Self::Error>;
    /// `arr`.
    fn array<T: Structure>(
        &mut self,
        name: &'static str,
        value: Option<&[T]>,
    ) -> Result<(), Self::Error>;
    /// `thr`.
    fn throwable(
        &mut self,
        name: &'static str,
        value: Option<&Throwable>,
    ) -> Result<(), Self::Error>;
}

/// What has a type number of its own on the wire, or is a choice of such types. [openwire §4]
pub trait Structure: Sized {
    /// What this is called where it is missed.
    const WANTED: &'static str;
    /// A fresh value of the type with this number; `None` when the number does not belong here.
    fn blank(code: u8) -> Option<Self>;
    /// The type's number.
    fn code(&self) -> u8;
    /// The protocol's name of the type.
    fn name(&self) -> &'static str;
    /// The first version that has the type.
    fn since(&self) -> u8;
    /// How many bytes it has on the heap before anything is read into it.
    fn heap(&self) -> usize {
        0
    }
    /// Fills the fields from `source`.
    ///
    /// # Errors
    /// Those of the source.
    fn read<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error>;
    /// Hands the fields to `sink`.
    ///
    /// # Errors
    /// Those of the sink.
    fn write<K: Sink>(&self, sink: &mut K) -> Result<(), K::Error>;
}

/// A structure behind a pointer is that structure.
macro_rules! pointed {
    ($pointer:ident, $inner:ident, $get:expr) => {
        impl<T: Structure + Clone> Structure for $pointer<T> {
            const WANTED: &'static str = T::WANTED;

            fn blank(code: u8) -> Option<Self> {
                T::blank(code).map(Self::new)
            }

            fn code(&self) -> u8 {
                (**self).code()
            }

            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn since(&self) -> u8 {
                (**self).since()
            }

            fn heap(&self) -> usize {
                size_of::<T>() + (**self).heap()
            }

            fn read<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
                let $inner = self;
                let inner: &mut T = $get;
                inner.read(source)
            }

            fn write<K: Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
                (**self).write(sink)
            }
        }
    };
}

pointed!(Box, pointer, &mut **pointer);
pointed!(Arc, pointer, Arc::make_mut(pointer));

/// What the cache of a connection can remember. [openwire §3.5]
pub trait Cacheable: Structure + Clone {
    /// The same as an entry of the cache.
    fn to_entry(&self) -> super::Entry;
    /// The value of an entry; `None` when it is of another type.
    fn from_entry(entry: &super::Entry) -> Option<Self>;
}

/// The Rust type of a kind of field.
macro_rules! kind {
    (bool) => { bool };
    (i8) => { i8 };
    (i32) => { i32 };
    (i64) => { i64 };
    (str) => { Option<$crate::openwire::Text> };
    (secret) => { Option<$crate::openwire::SecretText> };
    (bytes) => { Option<bytes::Bytes> };
    (obj $type:ty) => { Option<$type> };
    (cobj $type:ty) => { Option<$type> };
    (arr $type:ty) => { Option<Vec<$type>> };
    (thr) => { Option<$crate::openwire::Throwable> };
}

/// The value of a field that a version lacks.
macro_rules! missing {
    (str $value:literal) => {
        Some($value.into())
    };
    ($kind:ident $value:literal) => {
        $value
    };
}

/// Reads a field of a kind.
macro_rules! read_field {
    ($source:ident, $name:literal, bool) => {
        $source.bool($name)?
    };
    ($source:ident, $name:literal, i8) => {
        $source.i8($name)?
    };
    ($source:ident, $name:literal, i32) => {
        $source.i32($name)?
    };
    ($source:ident, $name:literal, i64) => {
        $source.i64($name)?
    };
    ($source:ident, $name:literal, str) => {
        $source.text($name)?
    };
    ($source:ident, $name:literal, secret) => {
        $source.text($name)?.map(Into::into)
    };
    ($source:ident, $name:literal, bytes) => {
        $source.bytes($name)?
    };
    ($source:ident, $name:literal, obj $type:ty) => {
        $source.object($name)?
    };
    ($source:ident, $name:literal, cobj $type:ty) => {
        $source.cached($name)?
    };
    ($source:ident, $name:literal, arr $type:ty) => {
        $source.array($name)?
    };
    ($source:ident, $name:literal, thr) => {
        $source.throwable($name)?
    };
}

/// Writes a field of a kind.
macro_rules! write_field {
    ($sink:ident, $name:literal, $value:expr, bool) => {
        $sink.bool($name, $value)?
    };
    ($sink:ident, $name:literal, $value:expr, i8) => {
        $sink.i8($name, $value)?
    };
    ($sink:ident, $name:literal, $value:expr, i32) => {
        $sink.i32($name, $value)?
    };
    ($sink:ident, $name:literal, $value:expr, i64) => {
        $sink.i64($name, $value)?
    };
    ($sink:ident, $name:literal, $value:expr, str) => {
        $sink.text($name, $value.as_ref())?
    };
    ($sink:ident, $name:literal, $value:expr, secret) => {
        $sink.text(
            $name,
            $value.as_ref().map($crate::openwire::SecretText::expose),
        )?
    };
    ($sink:ident, $name:literal, $value:expr, bytes) => {
        $sink.bytes($name, $value.as_ref())?
    };
    ($sink:ident, $name:literal, $value:expr, obj $type:ty) => {
        $sink.object($name, $value.as_ref())?
    };
    ($sink:ident, $name:literal, $value:expr, cobj $type:ty) => {
        $sink.cached($name, $value.as_ref())?
    };
    ($sink:ident, $name:literal, $value:expr, arr $type:ty) => {
        $sink.array($name, $value.as_deref())?
    };
    ($sink:ident, $name:literal, $value:expr, thr) => {
        $sink.throwable($name, $value.as_ref())?
    };
}

/// A struct from its table: `field "ProtocolsName": kind`, with `from n` or `until n` where not every version has it. `or value` is the
/// value that the original's class has while the wire has none, if it is another than zero, false or nothing.
///
/// The rows' order is the wire's.
macro_rules! fields {
    (
        $(#[$doc:meta])*
        $type:ident {
            $(
                $(#[$field_doc:meta])*
                $field:ident $name:literal : $kind:ident $(($of:ty))? $(from $from:literal $(or $missing:literal)?)? $(until $until:literal)?,
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $type {
            $(
                $(#[$field_doc])*
                #[doc = concat!("\n`", $name, "`", $(" from version ", $from,)? $(" until version ", $until,)? ".")]
                pub $field: $crate::openwire::table::kind!($kind $($of)?),
            )*
        }

        impl $type {
            fn read_fields<S: $crate::openwire::Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
                $(
                    if true $(&& source.version() >= $from)? $(&& source.version() <= $until)? {
                        self.$field = $crate::openwire::table::read_field!(source, $name, $kind $($of)?);
                    }
                    $($(else {
                        self.$field = $crate::openwire::table::missing!($kind $missing);
                    })?)?
                )*
                Ok(())
            }

            fn write_fields<K: $crate::openwire::Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
                $(
                    if true $(&& sink.version() >= $from)? $(&& sink.version() <= $until)? {
                        $crate::openwire::table::write_field!(sink, $name, self.$field, $kind $($of)?);
                    }
                )*
                Ok(())
            }
        }
    };
}

/// A type with one number: `Type = number "ProtocolsName" { rows }`, with `since n` where old versions lack it.
macro_rules! structure {
    (
        $(#[$doc:meta])*
        $type:ident = $code:literal $name:literal $(since $since:literal)? { $($rows:tt)* }
    ) => {
        $crate::openwire::table::fields! {
            $(#[$doc])*
            #[doc = concat!("\n`", $name, "`, type ", $code, $(", from version ", $since,)? ".")]
            $type { $($rows)* }
        }

        impl $crate::openwire::Structure for $type {
            const WANTED: &'static str = $name;

            fn blank(code: u8) -> Option<Self> {
                (code == $code).then(Self::default)
            }

            fn code(&self) -> u8 {
                $code
            }

            fn name(&self) -> &'static str {
                $name
            }

            fn since(&self) -> u8 {
                1 $(.max($since))?
            }

            fn read<S: $crate::openwire::Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
                self.read_fields(source)
            }

            fn write<K: $crate::openwire::Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
                self.write_fields(sink)
            }
        }
    };
}

/// A command: a [`structure!`] whose table begins with the two fields that all commands have.
macro_rules! command {
    (
        $(#[$doc:meta])*
        $type:ident = $code:literal $name:literal $(since $since:literal)? { $($rows:tt)* }
    ) => {
        $crate::openwire::table::structure! {
            $(#[$doc])*
            $type = $code $name $(since $since)? {
                /// The sender's number of the command; an answer names it.
                command_id "CommandId": i32,
                /// Does the sender wait for an answer?
                response_required "ResponseRequired": bool,
                $($rows)*
            }
        }
    };
}

/// A choice of types, each in a variant of its own.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident $wanted:literal { $($(#[$variant_doc:meta])* $variant:ident($of:ty),)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $type {
            $($(#[$variant_doc])* $variant($of),)*
        }

        $(
            impl From<$of> for $type {
                fn from(value: $of) -> Self {
                    Self::$variant(value)
                }
            }
        )*

        impl $crate::openwire::Structure for $type {
            const WANTED: &'static str = $wanted;

            fn blank(code: u8) -> Option<Self> {
                $(
                    if let Some(value) = <$of as $crate::openwire::Structure>::blank(code) {
                        return Some(Self::$variant(value));
                    }
                )*
                None
            }

            fn code(&self) -> u8 {
                match self { $(Self::$variant(value) => value.code(),)* }
            }

            fn name(&self) -> &'static str {
                match self { $(Self::$variant(value) => $crate::openwire::Structure::name(value),)* }
            }

            fn since(&self) -> u8 {
                match self { $(Self::$variant(value) => value.since(),)* }
            }

            fn heap(&self) -> usize {
                match self { $(Self::$variant(value) => value.heap(),)* }
            }

            fn read<S: $crate::openwire::Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
                match self { $(Self::$variant(value) => value.read(source),)* }
            }

            fn write<K: $crate::openwire::Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
                match self { $(Self::$variant(value) => value.write(sink),)* }
            }
        }
    };
}

pub(super) use {choice, command, fields, kind, missing, read_field, structure, write_field};
