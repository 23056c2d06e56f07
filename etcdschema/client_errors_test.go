package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestRefusedIsOnlyWhatEtcdWillNotDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{rpctypes.ErrPermissionDenied, true},
		{rpctypes.ErrTooManyOps, true},
		{rpctypes.ErrRequestTooLarge, true},
		{rpctypes.ErrLeaseNotFound, true},
		{errLimit, true},
		{rpctypes.ErrNoSpace, false},
		{rpctypes.ErrNoLeader, false},
		{rpctypes.ErrTimeout, false},
		{rpctypes.ErrTimeoutDueToLeaderFail, false},
		{rpctypes.ErrLeaderChanged, false},
		{context.DeadlineExceeded, false},
		{context.Canceled, false},
		{status.Error(codes.Unavailable, "connection refused"), false},
		{errors.New("something else"), false},
	} {
		if got := Refused(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := Refused(fmt.Errorf("transaction: %w", explain(c.err))); got != c.want {
			t.Errorf("%v, explained: %v, want %v", c.err, got, c.want)
		}
	}
}
