// The stand-ins' wire: the project's own open framing (docs/domain.md section 5).
package standin;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import com.genesyslab.platform.commons.collections.KeyValuePair;
import com.genesyslab.platform.commons.protocol.Message;
import com.genesyslab.platform.openmedia.protocol.externalservice.event.Event3rdServerFault;
import com.genesyslab.platform.openmedia.protocol.externalservice.event.Event3rdServerResponse;
import com.genesyslab.platform.openmedia.protocol.externalservice.request.Request3rdServer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

public final class Wire {
    /** What came back, and to which request. */
    public static final class Answer {
        public final int referenceId;
        public final Message message;

        Answer(int referenceId, Message message) {
            this.referenceId = referenceId;
            this.message = message;
        }
    }

    private Wire() {
    }

    public static byte[] frame(Request3rdServer request) {
        StringBuilder json = new StringBuilder();
        json.append("{\"messageName\":\"Request3rdServer\",\"messageId\":500,\"ReferenceId\":");
        json.append(request.getReferenceId()).append(",\"Request\":");
        write(json, request.getRequest());
        json.append(",\"UserData\":");
        write(json, request.getUserData());
        byte[] body = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
    }

    private static void write(StringBuilder json, KeyValueCollection pairs) {
        json.append('[');
        String comma = "";
        for (KeyValuePair pair : pairs) {
            json.append(comma).append("{\"key\":");
            write(json, pair.getStringKey());
            json.append(",\"type\":\"").append(pair.wireType).append("\",\"value\":");
            Object value = pair.getValue();
            if (value instanceof KeyValueCollection) {
                write(json, (KeyValueCollection) value);
            } else if (value instanceof byte[]) {
                write(json, Base64.getEncoder().encodeToString((byte[]) value));
            } else if (value instanceof Integer) {
                json.append(value);
            } else {
                write(json, (String) value);
            }
            json.append('}');
            comma = ",";
        }
        json.append(']');
    }

    private static void write(StringBuilder json, String text) {
        json.append('"');
        for (char character : text.toCharArray()) {
            if (character < ' ' || character == '"' || character == '\\') {
                json.append(String.format("\\u%04x", (int) character));
            } else {
                json.append(character);
            }
        }
        json.append('"');
    }

    public static Answer answer(byte[] body) {
        Map<?, ?> fields = (Map<?, ?>) new Json(new String(body, StandardCharsets.UTF_8)).whole();
        int referenceId = (Integer) fields.get("ReferenceId");
        int messageId = (Integer) fields.get("messageId");
        Object pairs = fields.get("Request");
        KeyValueCollection request = pairs == null ? null : collection((List<?>) pairs);
        if (messageId == 501) {
            return new Answer(referenceId, new Event3rdServerResponse(referenceId, request));
        }
        if (messageId == 502) {
            return new Answer(referenceId, new Event3rdServerFault(referenceId, request));
        }
        return new Answer(referenceId, () -> messageId);
    }

    private static KeyValueCollection collection(List<?> pairs) {
        KeyValueCollection made = new KeyValueCollection();
        for (Object element : pairs) {
            Map<?, ?> pair = (Map<?, ?>) element;
            String type = (String) pair.get("type");
            Object value = pair.get("value");
            if (type.equals("kvlist")) {
                value = collection((List<?>) value);
            } else if (type.equals("byte[]")) {
                value = Base64.getDecoder().decode((String) value);
            } else if (type.equals("double")) {
                value = 0.5;  // which ESP does not have
            }
            made.add((String) pair.get("key"), type, value);
        }
        return made;
    }
}
