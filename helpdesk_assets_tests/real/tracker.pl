# A real help desk, Request Tracker 5: `tracker.pl COMMAND`, in the folder that DESK_FOLDER names.
#
# Commands: `setup` makes queues and users, and prints their tokens as JSON; `create N` tickets;
# `change N` of them; `delete N`; `merge N` into others. RT's own library does it, so that all that
# belongs to a change is there: transactions, dates, scrips.

use strict;
use warnings;
use lib '/usr/local/share/request-tracker5/lib', '/usr/share/request-tracker5/lib';
use JSON ();
use MIME::Entity;
use RT -init;

my $root = RT::CurrentUser->new('root');
# Nobody needs these data after a crash of the machine.
$RT::Handle->dbh->do('PRAGMA synchronous = OFF');

# What a user may, by name: everywhere, or in one queue.
my @READ   = qw(SeeQueue ShowTicket ShowTicketComments);
my %rights = (
    reader => { rights => [ @READ, 'ShowOutgoingEmail' ] },
    # Its dates are eleven hours behind those of the help desk.
    far   => { rights => [@READ], zone => 'Pacific/Pago_Pago' },
    clerk => { rights => [@READ], queue => 'Hardware' },
    # Comments and mail are hidden from it, after RT has made pages of them.
    short => { rights => [qw(SeeQueue ShowTicket)] },
);
my @queues = qw(General Hardware Vault);
# Writing mail takes most of the time: that of so many tickets is enough.
my $WITH_SCRIPS = 30;

sub must {
    my ( $done, @message ) = @_;
    die "Request Tracker: @message\n" unless $done;
    return $done;
}

sub ticket {
    my ($id) = @_;
    my $ticket = RT::Ticket->new($root);
    must( $ticket->Load($id) );
    return $ticket;
}

sub setup {
    must( RT::Queue->new($root)->Create( Name => $_ ) ) for @queues[ 1, 2 ];
    my %tokens;
    for my $name ( sort keys %rights ) {
        my $user = RT::User->new( RT->SystemUser );
        must(
            $user->Create(
                Name         => $name,
                EmailAddress => "$name\@planted.example",
                Privileged   => 1,
                Timezone     => $rights{$name}{zone} // '',
            )
        );
        my $where = RT->System;
        if ( my $queue = $rights{$name}{queue} ) {
            $where = RT::Queue->new( RT->SystemUser );
            must( $where->Load($queue) );
        }
        my $principal = $user->PrincipalObj;
        must( $principal->GrantRight( Right => $_, Object => $where ) ) for @{ $rights{$name}{rights} };
        must( $principal->GrantRight( Right => 'ManageAuthTokens', Object => RT->System ) );
        my ( $id, $message, $token ) = RT::AuthToken->new( RT::CurrentUser->new($name) )
            ->Create( Owner => $user->id, Description => 'of a test' );
        must( $id, $message );
        $tokens{$name} = $token;
    }
    print JSON::encode_json( \%tokens ), "\n";
}

sub create {
    my ($count) = @_;
    my @statuses = qw(new open stalled resolved rejected);
    for my $number ( 1 .. $count ) {
        scrips(0) if $number == $WITH_SCRIPS + 1;
        my $ticket = RT::Ticket->new($root);
        must(
            $ticket->Create(
                Queue     => $queues[ $number % @queues ],
                Subject   => "Gr\x{f6}\x{df}e $number: drucker druckt nicht \x{1f525}",
                Requestor => 'customer' . $number % 7 . '@planted.example',
                Owner     => $number % 2 ? 'root' : 'Nobody',
                Priority  => $number % 100,
                MIMEObj   => MIME::Entity->build( Type => 'text/plain', Data => ['It is on fire.'] ),
            )
        );
        must( $ticket->Correspond( Content => 'Water is on its way.' ) ) if $number % 4 == 0;
        must( $ticket->Comment( Content => 'It is not.' ) )              if $number % 6 == 0;
        must( $ticket->SetDue('2030-12-01 00:00:00') )                   if $number % 5 == 0;
        my $status = $statuses[ $number % @statuses ];
        must( $ticket->SetStatus($status) ) if $status ne $ticket->Status;
    }
    scrips(1);
}

# Let what RT does by itself happen, such as mail, or not.
sub scrips {
    my ($wanted) = @_;
    must( $RT::Handle->dbh->do( 'UPDATE Scrips SET Disabled = ?', undef, $wanted ? 0 : 1 ) );
}

sub change {
    my ($count) = @_;
    for my $id ( 6 .. 5 + $count ) {
        my $ticket = ticket($id);
        must( $ticket->SetSubject("renamed $id") );
        must( $ticket->SetStatus('open') ) if $ticket->Status ne 'open';
    }
}

sub remove {
    my ($count) = @_;
    must( ticket($_)->SetStatus('deleted') ) for 101 .. 100 + $count;
}

sub merge {
    my ($count) = @_;
    must( ticket( 200 + 2 * $_ )->MergeInto( 201 + 2 * $_ ) ) for 0 .. $count - 1;
}

my %commands = ( setup => \&setup, create => \&create, change => \&change, delete => \&remove, merge => \&merge );
my ( $command, @arguments ) = @ARGV;
$commands{$command}->(@arguments);
