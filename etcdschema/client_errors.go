package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// explain adds to etcd's errors what to do about them. errors.Is still finds the original error.
func explain(err error) error {
	if err == nil {
		return nil
	}
	hints := []struct {
		is   error
		hint string
	}{
		{rpctypes.ErrTooManyOps, "the transaction exceeds the server's --max-txn-ops (etcd's default is 128)"},
		{rpctypes.ErrDuplicateKey, "one transaction puts the same key twice"},
		{rpctypes.ErrNoSpace, "the database is full and raised an alarm: compact, defragment, disarm, or raise --quota-backend-bytes"},
		{rpctypes.ErrPermissionDenied, "the user's role does not allow this key; `weft etcd setup` writes the roles"},
		{rpctypes.ErrUserEmpty, "etcd requires a user: give a client certificate"},
		{rpctypes.ErrLeaseNotFound, "the lease has ended"},
		{rpctypes.ErrCompacted, "the revision has been compacted away: list again"},
		{rpctypes.ErrNoLeader, "the etcd cluster has no leader: it has lost its quorum"},
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: etcd did not answer: check that it runs at the endpoints and has its quorum, "+
			"and that certificate and CA are the right ones", err)
	}
	if status.Code(err) == codes.Unavailable && !errors.As(rpctypes.Error(err), new(rpctypes.EtcdError)) {
		return fmt.Errorf("%w: no etcd member can be reached: check that etcd runs at the endpoints, and that certificate and CA are the right ones", err)
	}
	if tooLarge(err) {
		return fmt.Errorf("%w: the request exceeds the server's --max-request-bytes (etcd's default is 1.5 MiB)", err)
	}
	for _, h := range hints {
		if errors.Is(rpctypes.Error(err), h.is) {
			return fmt.Errorf("%w: %s", err, h.hint)
		}
	}
	return err
}

// errLimit marks a transaction that was not sent because it exceeds a limit.
var errLimit = errors.New("not sent")

// Refused says that etcd, or a limit of this package, has refused a request. The request was not done, and is refused again until
// somebody changes something. After any other error the outcome is unknown, or etcd cannot do anything at the moment (no leader, no
// space): read again and try again.
func Refused(err error) bool {
	if errors.Is(err, errLimit) || err != nil && tooLarge(err) {
		return true
	}
	var answer rpctypes.EtcdError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code() {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.NotFound, codes.OutOfRange, codes.AlreadyExists:
		return true
	}
	return false
}

// watchError finds the etcd error of a cancelled watch, which has it only as text.
func watchError(err error) error {
	if _, text, ok := strings.Cut(err.Error(), " desc = "); ok {
		return rpctypes.Error(errors.New(text))
	}
	return rpctypes.Error(err)
}

// tooLarge recognizes both refusals of a large request: etcd's own, and that of gRPC below it.
func tooLarge(err error) bool {
	return errors.Is(rpctypes.Error(err), rpctypes.ErrRequestTooLarge) || strings.Contains(err.Error(), "message larger than max")
}
