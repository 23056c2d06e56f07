package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/protect"
)

// orderNames bounds the objects of one deletion order. So many fit into one value, however long their names are.
const orderNames = 2000

// announce tells the controllers beforehand of a deletion that is so large that they would hold it. It does so once confirm has allowed
// it; a nil confirm allows everything.
func announce(ctx context.Context, st store, ids []model.ID, confirm func(gone, total int) error) error {
	if !protect.IsMassDeletion(len(ids), 0) {
		return nil // this many are never a mass deletion
	}
	accepted, err := st.Count(ctx, etcdschema.AcceptedPrefix())
	if err != nil {
		return err
	}
	if !protect.IsMassDeletion(len(ids), accepted) {
		return nil
	}
	if confirm != nil {
		if err := confirm(len(ids), accepted); err != nil {
			return err
		}
	}
	name, now := rand.Text(), time.Now().UTC()
	for from := 0; from < len(ids); from += orderNames {
		o := etcdschema.Order{By: operator(), At: now}
		for _, id := range ids[from:min(len(ids), from+orderNames)] {
			o.Objects = append(o.Objects, strings.TrimPrefix(etcdschema.Intent(id).String(), etcdschema.IntentPrefix().String()))
		}
		t := etcdschema.NewTxn()
		t.Put(etcdschema.DeletionOrder(fmt.Sprintf("%s-%d", name, from/orderNames)), o)
		if _, _, err := st.Commit(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// confirmation asks a person at a terminal. If stdin is no terminal, or the manifests come from it, it requires --yes.
func confirmation(in io.Reader, out io.Writer, yes, manifests bool) func(gone, total int) error {
	return func(gone, total int) error {
		if yes {
			return nil
		}
		what := fmt.Sprintf("%d of %d objects would be deleted at once", gone, total)
		if !terminal.IsTerminal(in) || manifests {
			return fmt.Errorf("%s: add --yes if that is meant; nothing was deleted", what)
		}
		fmt.Fprintf(out, "%s. Go on? [y/N] ", what)
		answer, err := bufio.NewReader(in).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a == "y" || a == "yes" {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return errors.New("nothing was deleted")
	}
}
