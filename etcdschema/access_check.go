package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// MinQuotaBytes is the smallest database quota without a warning; it is also etcd's default.
const MinQuotaBytes = 2 << 30

// Check checks etcd's version and limits. It returns a warning for each problem that Weft can work with, and an error for one that
// it cannot. It writes nothing. Where authentication is on, the client must be root or a controller.
func Check(ctx context.Context, c *Client) (warnings []string, err error) {
	health := Examine(ctx, c)
	for _, m := range health.Members {
		if m.Error != "" {
			return health.Warnings, fmt.Errorf("etcd %s: %s", m.Endpoint, m.Error)
		}
		if err := tooOld(m.Version); err != nil {
			return health.Warnings, fmt.Errorf("etcd %s: %w", m.Endpoint, err)
		}
	}
	warnings = health.Warnings
	if health.Compacted == 0 {
		warnings = append(warnings, "nothing has been compacted yet, and whether etcd does it by itself cannot be asked: without it "+compactionAdvice)
	}
	if err := c.checkTxnOps(ctx); err != nil {
		return warnings, err
	}
	return warnings, c.checkRequestBytes(ctx)
}

// tooOld refuses versions that lack what roles and users need.
func tooOld(version string) error {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || major > 3 || major == 3 && minor >= 5 {
		return nil // checkVersion warns of a version that cannot be read
	}
	return fmt.Errorf("version %s is too old: it does not know users without passwords, and cannot say whether authentication is on; "+
		"upgrade to 3.6.14, 3.7.1 or later, one minor version after the other; nothing was changed", version)
}

// checkVersion warns of versions whose transactions or watches reach keys beyond the permissions.
func checkVersion(version string) string {
	const advice = "run 3.6.14 or 3.7.1 or later: older ones let transactions and watches past the permissions of keys"
	parts := strings.SplitN(strings.SplitN(version, "-", 2)[0], ".", 3)
	if len(parts) != 3 {
		return fmt.Sprintf("version %q cannot be read: %s", version, advice)
	}
	var n [3]int
	for i, p := range parts {
		var err error
		if n[i], err = strconv.Atoi(p); err != nil {
			return fmt.Sprintf("version %q cannot be read: %s", version, advice)
		}
	}
	major, minor, patch := n[0], n[1], n[2]
	switch {
	case major > 3 || major == 3 && minor > 7, major == 3 && minor == 7 && patch >= 1, major == 3 && minor == 6 && patch >= 14:
		return ""
	}
	return fmt.Sprintf("version %s: %s", version, advice)
}

// never is a compare that no key fulfils. etcd checks the limits of the transaction, but writes nothing.
func (c *Client) never() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(c.root+"event/_check"), "=", -1)
}

func (c *Client) checkTxnOps(ctx context.Context) error {
	ops := make([]clientv3.Op, MaxTxnOps)
	for i := range ops {
		ops[i] = clientv3.OpDelete(fmt.Sprintf("%sevent/_check/%d", c.root, i))
	}
	_, err := call(ctx, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return c.etcd.Txn(ctx).If(c.never()).Then(ops...).Commit()
	})
	if errors.Is(rpctypes.Error(err), rpctypes.ErrTooManyOps) {
		return fmt.Errorf("etcd refuses transactions of %d operations: set --max-txn-ops to at least 128", MaxTxnOps)
	}
	return explain(err)
}

func (c *Client) checkRequestBytes(ctx context.Context) error {
	_, err := call(ctx, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return c.etcd.Txn(ctx).If(c.never()).Then(clientv3.OpPut(c.root+"event/_check", strings.Repeat("x", MaxTxnBytes))).Commit()
	})
	if err != nil && tooLarge(err) {
		return fmt.Errorf("etcd refuses requests of %d bytes: set --max-request-bytes to at least 1572864", MaxTxnBytes)
	}
	return explain(err)
}
