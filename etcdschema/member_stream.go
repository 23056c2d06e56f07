package etcdschema

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// memberStream is a watch or a stream of keepalives to the member in use. It ends when its member is left or fails. Its error makes
// the client open it again, at the member in use then. When something was sent and nothing comes back, the member is checked,
// because neither a stopped process nor a half-open connection ends a stream.
type memberStream struct {
	grpc.ClientStream
	link   *link
	ctx    context.Context // the caller's
	cancel context.CancelFunc
	member int
	left   atomic.Bool

	mu      sync.Mutex
	waiting *time.Timer // runs while an answer is waited for
	done    bool
}

// open is the interceptor of streams.
func (l *link) open(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if main := l.main.Load(); main == nil || cc != main || l.members.single() {
		return streamer(ctx, desc, cc, method, opts...)
	}
	s := &memberStream{link: l, ctx: ctx}
	ctx, s.cancel = context.WithCancel(ctx)
	l.members.hold(s)
	s.asked() // a connection that is never established is no answer either
	conn, err := l.conn(s.member)
	if err == nil {
		s.ClientStream, err = streamer(ctx, desc, conn, method, append(opts, grpc.WaitForReady(false))...)
	}
	if err != nil {
		return nil, s.end(err)
	}
	s.heard()
	return s, nil
}

func (s *memberStream) SendMsg(m any) error {
	s.asked()
	err := s.ClientStream.SendMsg(m)
	if err != nil { // RecvMsg says why
		s.heard()
	}
	return err
}

func (s *memberStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.heard()
	if err != nil {
		return s.end(err)
	}
	return nil
}

// leave ends the stream because another member is in use now.
func (s *memberStream) leave() {
	s.left.Store(true)
	s.cancel()
}

// end releases the stream. It returns an error after which the client tries again.
func (s *memberStream) end(err error) error {
	s.mu.Lock()
	s.done = true
	if s.waiting != nil {
		s.waiting.Stop()
	}
	s.mu.Unlock()
	s.cancel()
	s.link.members.release(s)
	switch {
	case s.left.Load():
		return status.Error(codes.Unavailable, "another etcd member is used")
	case s.ctx.Err() == nil && !answered(err):
		s.link.members.leave(s.member, err)
	}
	return err
}

// asked notes that an answer is expected.
func (s *memberStream) asked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil && !s.done {
		s.waiting = time.AfterFunc(patience, func() {
			s.heard() // the next message starts a new wait
			s.link.check()
		})
	}
}

// heard notes that the member has answered.
func (s *memberStream) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != nil {
		s.waiting.Stop()
		s.waiting = nil
	}
}
