package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"

	"weft/hostnet/object"
)

// The types of messages about meters (openflow-spec 1.4, 7.1.1).
const (
	TypeMultipartRequest Type = 18
	TypeMultipartReply   Type = 19
	TypeMeterMod         Type = 29
)

// MeterCommand is what a meter modification does (openflow-spec 1.4, 7.3.4.4).
type MeterCommand uint16

// The commands.
const (
	MeterAdd    MeterCommand = 0
	MeterModify MeterCommand = 1
	MeterDelete MeterCommand = 2
)

// Numbers of meters (openflow-spec 1.4, 7.3.4.4 and 7.3.5.12 to 7.3.5.14).
const (
	meterKbps  = 1
	meterPktps = 2
	meterBurst = 4
	meterStats = 8
	meterFlags = meterKbps | meterPktps | meterBurst | meterStats

	meterBandDrop    = 1
	meterBandLen     = 16
	meterHeaderLen   = 8  // of a meter's configuration
	meterStatsLen    = 40 // of a meter's statistics, without bands
	meterBandStatLen = 16

	meterAll = 0xffffffff // OFPM_ALL

	multipartHeaderLen   = 8
	multipartMore        = 1
	multipartMeter       = 9
	multipartMeterConfig = 10
)

// AppendMeterMod appends one meter modification. The meter has one band, which drops, and counts. After an error b is unchanged.
func AppendMeterMod(b []byte, xid uint32, command MeterCommand, m object.Meter) ([]byte, error) {
	flags, err := meterFlagsOf(m.Unit)
	if err != nil {
		return b, fmt.Errorf("openflow: meter %d: %w", m.ID, err)
	}
	be := binary.BigEndian
	body := be.AppendUint16(nil, uint16(command))
	if command == MeterDelete {
		flags = 0
	}
	body = be.AppendUint16(body, flags)
	body = be.AppendUint32(body, m.ID)
	if command != MeterDelete {
		body = be.AppendUint16(body, meterBandDrop)
		body = be.AppendUint16(body, meterBandLen)
		body = be.AppendUint32(body, m.Rate)
		body = be.AppendUint32(body, m.Burst)
		body = append(body, 0, 0, 0, 0)
	}
	return AppendMessage(b, TypeMeterMod, xid, body), nil
}

func meterFlagsOf(u object.MeterUnit) (uint16, error) {
	switch u {
	case object.MeterKbps:
		return meterKbps | meterBurst | meterStats, nil
	case object.MeterPktps:
		return meterPktps | meterBurst | meterStats, nil
	}
	return 0, fmt.Errorf("%q is no unit of a meter", u)
}

// AppendMeterConfigRequest appends the request for the configuration of all meters, AppendMeterStatsRequest that for their statistics.
func AppendMeterConfigRequest(b []byte, xid uint32) []byte {
	return appendMeterRequest(b, xid, multipartMeterConfig)
}

// AppendMeterStatsRequest is described at AppendMeterConfigRequest.
func AppendMeterStatsRequest(b []byte, xid uint32) []byte {
	return appendMeterRequest(b, xid, multipartMeter)
}

func appendMeterRequest(b []byte, xid uint32, kind uint16) []byte {
	body := binary.BigEndian.AppendUint16(nil, kind)
	body = append(body, 0, 0, 0, 0, 0, 0) // flags, padding
	body = binary.BigEndian.AppendUint32(body, meterAll)
	return AppendMessage(b, TypeMultipartRequest, xid, append(body, 0, 0, 0, 0))
}

// MultipartContinues says whether another part follows the body of a multipart reply.
func MultipartContinues(body []byte) bool {
	return len(body) >= multipartHeaderLen && binary.BigEndian.Uint16(body[2:])&multipartMore != 0
}

// multipartBody is what follows the header of a multipart reply of the kind.
func multipartBody(body []byte, kind uint16, what string) ([]byte, error) {
	if len(body) < multipartHeaderLen || binary.BigEndian.Uint16(body) != kind {
		return nil, fmt.Errorf("openflow: an answer of %d bytes is not about %s of meters", len(body), what)
	}
	return body[multipartHeaderLen:], nil
}

// ParseMeterConfigs reads the body of one part of the answer to AppendMeterConfigRequest. Strange says of a meter what AppendMeterMod
// would not have made. The meters have no bridge.
func ParseMeterConfigs(body []byte) (meters []object.Meter, err error) {
	be := binary.BigEndian
	for rest, err := multipartBody(body, multipartMeterConfig, "the configuration"); ; {
		if err != nil || len(rest) == 0 {
			return meters, err
		}
		n := 0
		if len(rest) >= meterHeaderLen {
			n = int(be.Uint16(rest))
		}
		if n < meterHeaderLen || n > len(rest) {
			return nil, fmt.Errorf("openflow: %d bytes are left of an answer about meters, and the next meter says it has %d", len(rest), n)
		}
		m, err := parseMeterConfig(rest[:n])
		if err != nil {
			return nil, fmt.Errorf("openflow: meter %d: %w", m.ID, err)
		}
		meters, rest = append(meters, m), rest[n:]
	}
}

func parseMeterConfig(b []byte) (m object.Meter, err error) {
	be := binary.BigEndian
	flags := be.Uint16(b[2:])
	m.ID = be.Uint32(b[4:])
	switch flags & (meterKbps | meterPktps) {
	case meterKbps:
		m.Unit = object.MeterKbps
	case meterPktps:
		m.Unit = object.MeterPktps
	}
	if flags&meterBurst == 0 {
		m.Strange = "has no burst"
	}
	if flags&^meterFlags != 0 {
		m.Strange = fmt.Sprintf("has the flags %#x", flags)
	}
	bands := 0
	for b = b[meterHeaderLen:]; len(b) > 0; bands++ {
		n := 0
		if len(b) >= meterBandLen {
			n = int(be.Uint16(b[2:]))
		}
		if n < meterBandLen || n > len(b) {
			return m, errors.New("a band is cut off")
		}
		if bands == 0 {
			m.Rate, m.Burst = be.Uint32(b[4:]), be.Uint32(b[8:])
		}
		if kind := be.Uint16(b); kind != meterBandDrop {
			m.Strange = fmt.Sprintf("has a band of type %d", kind)
		}
		b = b[n:]
	}
	if bands != 1 {
		m.Strange = fmt.Sprintf("has %d bands", bands)
	}
	return m, nil
}

// MeterStats are the statistics of a meter.
type MeterStats struct {
	ID uint32
	// Flows is how many flows name the meter.
	Flows uint32
	// Packets and Bytes came to the meter. Dropped of the packets were above its rate.
	Packets, Bytes, Dropped uint64
}

// ParseMeterStats reads the body of one part of the answer to AppendMeterStatsRequest.
func ParseMeterStats(body []byte) (stats []MeterStats, err error) {
	be := binary.BigEndian
	for rest, err := multipartBody(body, multipartMeter, "the statistics"); ; {
		if err != nil || len(rest) == 0 {
			return stats, err
		}
		n := 0
		if len(rest) >= meterStatsLen {
			n = int(be.Uint16(rest[4:]))
		}
		if n < meterStatsLen || n > len(rest) || (n-meterStatsLen)%meterBandStatLen != 0 {
			return nil, fmt.Errorf("openflow: %d bytes are left of an answer about meters, and the next one says it has %d", len(rest), n)
		}
		s := MeterStats{ID: be.Uint32(rest), Flows: be.Uint32(rest[12:]), Packets: be.Uint64(rest[16:]), Bytes: be.Uint64(rest[24:])}
		for band := rest[meterStatsLen:n]; len(band) > 0; band = band[meterBandStatLen:] {
			s.Dropped += be.Uint64(band)
		}
		stats, rest = append(stats, s), rest[n:]
	}
}
