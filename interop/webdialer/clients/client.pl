#!/usr/bin/perl
# WebDialer as a SOAP::Lite program calls it, types left to the library. Arguments: base URL, service name, action.
use strict;
use warnings;
use JSON::PP;
use SOAP::Lite;

my ($base, $service, $action) = @ARGV;
my %namespace = (
    WebdialerSoapService70 => 'urn:WD70',
    WebdialerSoapService   => 'urn:WebdialerSoap',
    webdialer              => 'http://webdialer.ccm.cisco.com',
);
my %names = (
    WebdialerSoapService70 => [qw(in0 in1 in2)],
    WebdialerSoapService   => [qw(cred dest prof)],
    webdialer              => [qw(args0 args1 args2)],
);
my $soap = SOAP::Lite->proxy("$base/webdialer/services/$service")->default_ns($namespace{$service});

sub call {
    my ($operation, @arguments) = @_;
    my $answer = $soap->call($operation, @arguments);
    die $answer->faultstring if $answer->fault;
    return $answer->result;
}

sub credential { my ($name, $password) = @_;
    return SOAP::Data->name($name)->value(\SOAP::Data->value(
        SOAP::Data->name(userID => 'bill'), SOAP::Data->name(password => $password)));
}

sub profile { my ($name) = @_;
    return SOAP::Data->name($name)->value(\SOAP::Data->value(
        SOAP::Data->name(user => 'bill'), SOAP::Data->name(deviceName => 'SEPE8B7480316D6'),
        SOAP::Data->name(lineNumber => '1000 ; no partition')));
}

# A list comes as an array reference, or, where elements simply repeat, as the last of them or as an array reference.
sub list { my ($value) = @_;
    return [] unless defined $value && $value ne '';
    return ref $value eq 'ARRAY' ? $value : [$value];
}

my ($first, $second, $third) = @{ $names{$service} };
my $legacy = $service eq 'WebdialerSoapService';
my $result;
if ($action eq 'call') {
    my $made = call('makeCallSoap', credential($first, '123'), SOAP::Data->name($second => '5550100'), profile($third));
    $result = { make => 0 + $made->{responseCode}, text => $made->{responseDescription} };
} elsif ($action eq 'end') {
    my $ended = call('endCallSoap', credential($first, '123'), profile($legacy ? $third : $second));
    $result = { end => 0 + $ended->{responseCode} };
} else {
    my $short = call('getProfileSoap', credential($first, '123'), SOAP::Data->name($legacy ? 'userid' : $second, 'bill'));
    my $long = call('getProfileDetailSoap', credential($first, '123'));
    my $wrong = call('getProfileDetailSoap', credential($first, 'wrong'));
    my $user = $legacy ? 'userid' : $first;
    my $known = sub { my $answer = call('isClusterUserSoap', SOAP::Data->name($user => $_[0]));
        return $answer && $answer ne 'false' ? JSON::PP::true : JSON::PP::false };
    $result = {
        profile => { map { $_->{deviceName} => list($_->{lines}) } @{ list($short->{deviceInfoList}) } },
        detail => { map { $_->{deviceName} => [list($_->{lines}), $_->{phoneDesc} // '', $_->{phoneType}] }
            @{ list($long->{deviceInfoListDetail}) } },
        primary => '' . call('getPrimaryLine', credential($first, '123')),
        bill => $known->('bill'),
        nobody => $known->('nobody'),
        wrong => 0 + $wrong->{responseCode},
    };
}
print JSON::PP->new->canonical->encode($result), "\n";
