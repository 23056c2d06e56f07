package report

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

// store is an etcd that remembers the keys of the last transaction.
type store struct {
	mod  int64
	fail error
	keys []string
}

func (s *store) Get(context.Context, etcdschema.Key) (etcdschema.Item, bool, error) {
	return etcdschema.Item{ModRevision: s.mod}, s.mod > 0, nil
}

func (s *store) Commit(_ context.Context, t *etcdschema.Txn) (int64, bool, error) {
	if s.fail != nil {
		return 0, false, s.fail
	}
	s.mod++
	s.keys = nil
	t.Each(func(k etcdschema.Key, _ []byte) { s.keys = append(s.keys, k.String()) })
	return s.mod, true, t.Err()
}

// A bucket is written when its content is another than this writer has written, when it is not known what etcd holds, and in a report of
// all buckets.
func TestOnlyChangedBucketsAreWritten(t *testing.T) {
	t.Parallel()
	etcd := &store{}
	w := NewWriter(etcd, "h1", slog.New(slog.DiscardHandler))
	with := func(state desired.State) etcdschema.BucketReport {
		return etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{"u1": {ID: "alpha/web-1", State: state}}}
	}
	all := map[int]etcdschema.BucketReport{}
	for i := range etcdschema.Buckets {
		all[i] = etcdschema.BucketReport{}
	}
	report := func(buckets map[int]etcdschema.BucketReport) int {
		t.Helper()
		w.Publish(etcdschema.NodeReport{}, buckets, true)
		if err := w.write(t.Context()); !errors.Is(err, etcd.fail) {
			t.Fatal(err)
		}
		if !slices.Contains(etcd.keys, etcdschema.ActualNode("h1").String()) {
			t.Fatalf("the summary is not among %v", etcd.keys)
		}
		return len(etcd.keys) - 1
	}
	few := func(state desired.State) map[int]etcdschema.BucketReport {
		return map[int]etcdschema.BucketReport{3: with(state), 4: {}}
	}
	for _, step := range []struct {
		name    string
		buckets map[int]etcdschema.BucketReport
		fail    error
		want    int // buckets written
	}{
		{"the first report", all, nil, etcdschema.Buckets},
		{"one of two has changed", few(desired.StateActive), nil, 1},
		{"nothing has changed", few(desired.StateActive), nil, 0},
		{"it changes back", few(""), nil, 1},
		{"etcd fails", few(desired.StateActive), errors.New("no etcd"), 1}, // the keys of the report before
		{"nothing has changed, but what etcd holds is not known", nil, nil, 2},
		{"all buckets", all, nil, etcdschema.Buckets},
		{"all buckets again", all, nil, etcdschema.Buckets},
	} {
		etcd.fail = step.fail
		if got := report(step.buckets); got != step.want {
			t.Errorf("%s: %d buckets are written, expected %d", step.name, got, step.want)
		}
	}
}

// A bucket that somebody removed from etcd comes back: when its turn has come, it is written although it has not changed.
func TestABucketIsRenewed(t *testing.T) {
	t.Parallel()
	etcd := &store{}
	w := NewWriter(etcd, "h1", slog.New(slog.DiscardHandler))
	for n, step := range []struct {
		renew []int
		want  int
	}{{nil, 2}, {nil, 0}, {[]int{3, 5}, 1}, {nil, 0}} {
		w.Renew(step.renew)
		w.Publish(etcdschema.NodeReport{}, map[int]etcdschema.BucketReport{3: {}, 4: {}}, true)
		if err := w.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(etcd.keys) - 1; got != step.want {
			t.Errorf("report %d: %d buckets are written, expected %d", n, got, step.want)
		}
	}
}

// A report that says nothing new except revisions is written with the next one, and some seconds later if there is none.
func TestAReportOfRevisionsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		etcd := &store{}
		w := NewWriter(etcd, "h1", slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		bucket := map[int]etcdschema.BucketReport{3: {}}
		changed := map[int]etcdschema.BucketReport{3: {Ports: map[string]etcdschema.PortReport{"u1": {}}}}
		summary := etcdschema.NodeReport{Ports: 1}
		for _, step := range []struct {
			name    string
			buckets map[int]etcdschema.BucketReport
			alter   func()
			urgent  bool
			after   time.Duration
			writes  int64
		}{
			{"the first report", bucket, nil, true, 0, 1},
			{"revisions only", bucket, nil, false, revisionDelay - time.Millisecond, 0},
			{"more of them: the first one has waited long enough", bucket, nil, false, time.Millisecond, 1},
			{"another one", nil, nil, false, revisionDelay, 1},
			{"revisions only, again", nil, nil, false, time.Second, 0},
			{"a report that is urgent takes it along", nil, nil, true, 0, 1},
			{"revisions only, before news", bucket, nil, false, time.Second, 0},
			{"a bucket has changed", changed, nil, false, reportDelay, 1},
			{"the summary has changed", nil, func() { summary.Exceptions++ }, false, reportDelay, 1},
			{"buckets are renewed", changed, func() { w.Renew([]int{3}) }, false, reportDelay, 1},
		} {
			before := etcd.mod
			if step.alter != nil {
				step.alter()
			}
			summary.ProcessedRevision, summary.Generation = summary.ProcessedRevision+1, summary.Generation+1
			summary.EtcdRevision, summary.At = summary.EtcdRevision+1, time.Now()
			w.Publish(summary, step.buckets, step.urgent)
			time.Sleep(step.after)
			synctest.Wait()
			if got := etcd.mod - before; got != step.writes {
				t.Errorf("%s: %d reports are written, expected %d", step.name, got, step.writes)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Somebody waits for the report after everything except a change of neighbours.
func TestAwaited(t *testing.T) {
	t.Parallel()
	item := func(k desired.Kind) etcdschema.Event {
		return etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.DesiredKey("h1", desired.Key{Kind: k, UID: "u"})}}
	}
	head := etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.HeadKey("h1")}}
	order := etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.OrderKey("h1", "accept")}}
	for _, c := range []struct {
		name   string
		events []etcdschema.Event
		want   bool
	}{
		{"nothing", nil, false},
		{"neighbours", []etcdschema.Event{item(desired.KindNeighbors), item(desired.KindNeighbors), head}, false},
		{"a port beside neighbours", []etcdschema.Event{item(desired.KindNeighbors), item(desired.KindPort), head}, true},
		{"a router", []etcdschema.Event{item(desired.KindRouter), head}, true},
		{"an order", []etcdschema.Event{order}, true},
		{"a kind that is not known", []etcdschema.Event{item("beacon"), head}, true},
	} {
		if got := Awaited(desired.AllKinds(), c.events); got != c.want {
			t.Errorf("%s: awaited %v", c.name, got)
		}
	}
}
