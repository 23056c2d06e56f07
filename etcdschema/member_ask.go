package etcdschema

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// sent tells the caller of a request how often it was sent. Its presence allows to send the request more than once.
type sent struct{ times atomic.Int32 }

type sentKey struct{}
type patienceKey struct{}

// repeatable allows to send requests of the context to several members although they write. The caller guarantees that doing them
// twice is harmless.
func repeatable(ctx context.Context) (context.Context, *sent) {
	s := &sent{}
	return context.WithValue(ctx, sentKey{}, s), s
}

// patient makes requests of the context wait longer than usual before another member is asked.
func patient(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// harmless are the methods that may be done twice. They only read, or leave at most a lease that ends by itself.
var harmless = []string{
	"KV/Range", "Lease/LeaseGrant", "Lease/LeaseRevoke", "Lease/LeaseTimeToLive", "Lease/LeaseLeases", "Cluster/MemberList",
	"Auth/Authenticate", "Auth/AuthStatus", "Auth/UserGet", "Auth/UserList", "Auth/RoleGet", "Auth/RoleList",
}

// answered says that a member has answered, even if with a refusal. A request without answer may nevertheless have been done.
func answered(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Internal, codes.Unknown:
		return false
	}
	return rpctypes.ErrorDesc(err) != rpctypes.ErrorDesc(rpctypes.ErrGRPCNotSupportedForLearner)
}

// ask is the interceptor of requests. It asks the member in use first. When that fails or has not answered in time, it asks the
// next member as well, and so on, until one has answered or the context ends.
func (l *link) ask(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	main := l.main.Load()
	if main != nil && cc != main {
		return invoke(ctx, method, req, reply, cc, opts...) // etcd's client asks one particular member
	}
	short := strings.TrimPrefix(method, "/etcdserverpb.")
	if !strings.HasPrefix(short, "Maintenance/") {
		ctx = clientv3.WithRequireLeader(ctx)
	}
	s, repeatable := ctx.Value(sentKey{}).(*sent)
	if s == nil {
		s = &sent{}
	}
	switch {
	case l.members.single():
		s.times.Add(1)
		return invoke(ctx, method, req, reply, cc, opts...)
	case main == nil:
		return authenticate(ctx, func(ctx context.Context) error { return invoke(ctx, method, req, reply, cc, opts...) })
	}
	r := &race{link: l, sent: s, first: l.members.current(), answers: make(chan attempt), out: map[int]int{}, tried: map[int]bool{}}
	r.invoke = func(ctx context.Context, reply proto.Message, cc *grpc.ClientConn, opts []grpc.CallOption) error {
		return invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
	}
	r.reply, r.opts = reply.(proto.Message), opts
	if repeatable || slices.Contains(harmless, short) {
		return r.run(ctx)
	}
	return r.once(ctx)
}

// authenticate asks for a token while the client is being made. At that time only gRPC chooses the member, and it chooses another
// one each time.
func authenticate(ctx context.Context, invoke func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, patience)
		err := invoke(try)
		cancel()
		if answered(err) || ctx.Err() != nil {
			return err
		}
	}
}

// asksAtOnce bounds how often one member is asked the same at the same time. It is asked anew although it may still answer: a
// request that it has forwarded to a leader that is gone is lost without an error.
const asksAtOnce = 3

// race is one request that may be sent to several members.
type race struct {
	link    *link
	sent    *sent
	invoke  func(context.Context, proto.Message, *grpc.ClientConn, []grpc.CallOption) error
	reply   proto.Message // the caller's; only the first attempt writes it directly
	opts    []grpc.CallOption
	first   int
	answers chan attempt
	out     map[int]int  // attempts by member that have not been answered yet
	tried   map[int]bool // members asked in this round
	last    int          // member asked last
}

type attempt struct {
	member int
	reply  proto.Message
	err    error
}

func (r *race) run(ctx context.Context) error {
	wait := patience
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		wait = d
	}
	attempts, cancel := context.WithCancel(ctx)
	defer r.end(cancel)
	late := time.NewTimer(wait)
	defer late.Stop()
	var pause spread
	var failed error
	kind := r.reply.ProtoReflect().Type() // from now on the first attempt has the message
	r.start(attempts, r.first, r.reply)
	for ctx.Err() == nil {
		again := false
		select {
		case a := <-r.answers:
			r.out[a.member]--
			if answered(a.err) {
				r.link.members.move(r.first, a.member, failed)
				r.end(cancel)
				return r.take(a)
			}
			failed = a.err
			again = r.tried[r.next()]
		case <-late.C:
			failed = cmp.Or(failed, status.Error(codes.DeadlineExceeded, "no answer within "+wait.String()))
		}
		if again { // all have been asked: ask them again
			clear(r.tried)
			late.Reset(min(pause.next(), wait))
			continue
		}
		if next := r.next(); r.out[next] < asksAtOnce {
			r.start(attempts, next, kind.New().Interface())
		}
		late.Reset(wait)
	}
	return cmp.Or(failed, status.FromContextError(ctx.Err()).Err())
}

// next is the member to be asked next: in turn, but first those with the fewest unanswered attempts.
func (r *race) next() int {
	next := r.link.members.next(r.last)
	best := next
	for range r.link.members.endpoints {
		if r.out[next] < r.out[best] {
			best = next
		}
		next = r.link.members.next(next)
	}
	return best
}

// once asks only the member in use. When that fails, the next request goes to another member.
func (r *race) once(ctx context.Context) error {
	r.start(ctx, r.first, r.reply)
	a := <-r.answers
	if !answered(a.err) {
		r.link.members.leave(r.first, a.err)
	}
	return a.err
}

func (r *race) start(ctx context.Context, member int, reply proto.Message) {
	opts := slices.Clone(r.opts)
	if reply != r.reply { // only the first attempt may write to these
		opts = slices.DeleteFunc(opts, func(o grpc.CallOption) bool {
			switch o.(type) {
			case grpc.PeerCallOption, grpc.HeaderCallOption, grpc.TrailerCallOption:
				return true
			}
			return false
		})
	}
	r.out[member]++
	r.tried[member], r.last = true, member
	r.sent.times.Add(1)
	go func() { // end waits for it
		conn, err := r.link.conn(member)
		if err == nil {
			err = r.invoke(ctx, reply, conn, opts)
		}
		r.answers <- attempt{member, reply, err}
	}()
}

// end stops the unanswered attempts and waits for them.
func (r *race) end(cancel context.CancelFunc) {
	cancel()
	for member, n := range r.out {
		for range n {
			<-r.answers
		}
		delete(r.out, member)
	}
}

func (r *race) take(a attempt) error {
	if a.reply != r.reply && a.err == nil {
		proto.Reset(r.reply)
		proto.Merge(r.reply, a.reply)
	}
	return a.err
}
