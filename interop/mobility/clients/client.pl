#!/usr/bin/perl
# Extension Mobility as an LWP program asks it. Arguments: the servlet's address, form, document.
# Prints the status on one line, then the body.
use strict;
use warnings;
use LWP::UserAgent;
use URI;

my ($address, $form, $document) = @ARGV;
my $agent = LWP::UserAgent->new(timeout => 30);
my $encoded = URI->new($address);
$encoded->query_form(xml => $document);
my %forms = (
    post        => sub { $agent->post($address, [xml => $document]) },
    multipart   => sub { $agent->post($address, [xml => $document], Content_Type => 'form-data') },
    get         => sub { $agent->get($encoded) },
    'get-as-is' => sub { $agent->get("$address?xml=$document") },
);
my $answer = $forms{$form}->();
print $answer->code, "\n", $answer->content;
