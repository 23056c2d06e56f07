package guestagent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"weft/cmd/weft/internal/terminal"
)

const (
	// sentinel is the byte that begins the answer to guest-sync-delimited. UTF-8 has no such byte, so no JSON text contains it.
	sentinel = 0xff
	// maxAnswer bounds one answer in bytes. The largest are lists of NICs.
	maxAnswer = 1 << 20
	// maxSync bounds the answer to guest-sync-delimited in bytes.
	maxSync = 256
	// maxStale bounds the answers of earlier clients that are skipped, in bytes. An agent sends up to 16 MiB of a command's output, in base64.
	maxStale = 32 << 20
	// maxSaid bounds a text of the guest in an error, in characters.
	maxSaid = 300
)

// Error is a refusal of the agent.
type Error struct {
	Command string
	// Class is QMP's: CommandNotFound also stands for a command that is disabled.
	Class string
	// Text is the agent's, in the guest's language, fit for a terminal.
	Text string
}

// Error names the command and the agent's reason.
func (e *Error) Error() string {
	return fmt.Sprintf("the guest agent refuses %s: %s", e.Command, e.Text)
}

// said is a text of the guest as it may be shown: in one line, and not long.
func said(text string) string {
	if runes := []rune(text); len(runes) > maxSaid {
		text = string(runes[:maxSaid]) + "…"
	}
	return terminal.Printable(text)
}

// readLine reads one answer without the end of its line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxAnswer {
			return nil, fmt.Errorf("the guest agent's answer is larger than %d bytes", maxAnswer)
		}
		line = append(line, part...)
		if err == nil {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// parse reads an answer: what the command returns, or the *Error with which it was refused.
func parse(command string, line []byte) (json.RawMessage, error) {
	var answer struct {
		Return json.RawMessage `json:"return"`
		Error  *struct {
			Class string `json:"class"`
			Desc  string `json:"desc"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(line, &answer); {
	case err != nil:
		return nil, fmt.Errorf("%s: the guest agent's answer is not JSON as the protocol says: %s", command, said(err.Error()))
	case answer.Error != nil:
		return nil, &Error{Command: command, Class: said(answer.Error.Class), Text: said(answer.Error.Desc)}
	case answer.Return == nil:
		return nil, fmt.Errorf("%s: the guest agent's answer has neither \"return\" nor \"error\"", command)
	}
	return answer.Return, nil
}

// skipTo reads until the answer to guest-sync-delimited with this id has been read. Everything before it is of earlier clients: whole and
// half answers, and answers to other ids.
func skipTo(r *bufio.Reader, id int64) error {
	var line []byte // since the last sentinel; nil if there was none
	for range maxStale {
		switch b, err := r.ReadByte(); {
		case err != nil:
			return err
		case b == sentinel:
			line = make([]byte, 0, maxSync)
		case line == nil:
		case b == '\n':
			var got int64
			if value, err := parse("", line); err == nil && json.Unmarshal(value, &got) == nil && got == id {
				return nil
			}
			line = nil
		case len(line) == maxSync:
			line = nil
		default:
			line = append(line, b)
		}
	}
	return fmt.Errorf("the guest agent has sent %d bytes without an answer to the question", maxStale)
}
