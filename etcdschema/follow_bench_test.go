package etcdschema

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"weft/etcdschema/etcdserver"
)

// BenchmarkCommitToBatch measures the time from before a commit to the batch that reports it, on an idle etcd.
func BenchmarkCommitToBatch(b *testing.B) {
	for _, prefixes := range [][]Prefix{{NodeDesired("h1")}, {NodeDesired("h1"), NodeOrder("h1"), ClaimPrefix()}} {
		b.Run(fmt.Sprintf("prefixes=%d", len(prefixes)), func(b *testing.B) {
			e, err := etcdserver.Start(b.Context(), etcdserver.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			c, err := Open(b.Context(), Config{Endpoints: e.Endpoints(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			var inCommit time.Duration
			i := 0
			stop := fmt.Errorf("enough")
			start := time.Now()
			err = c.Follow(b.Context(), prefixes, func(batch Batch) error {
				if !batch.Snapshot && len(batch.Events) == 0 {
					return nil
				}
				if i++; i > b.N {
					return stop
				}
				tx := NewTxn()
				tx.Put(HeadKey("h1"), Head{Generation: int64(i)})
				before := time.Now()
				if _, _, err := c.Commit(b.Context(), tx); err != nil {
					return err
				}
				inCommit += time.Since(before)
				return nil
			})
			if err != stop {
				b.Fatal(err)
			}
			b.ReportMetric(float64(inCommit.Microseconds())/float64(b.N), "µs/commit")
			b.ReportMetric(float64((time.Since(start)-inCommit).Microseconds())/float64(b.N), "µs/commit→batch")
		})
	}
}
