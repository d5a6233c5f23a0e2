// JSON for the stand-ins of Interaction Server's protocol.
package standin;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import com.genesyslab.platform.commons.protocol.Message;
import com.genesyslab.platform.openmedia.protocol.interactionserver.InteractionProperties;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

public final class IxnWire {
    private IxnWire() {
    }

    public static byte[] written(Message message) {
        StringBuilder json = new StringBuilder("{\"name\":\"");
        json.append(message.getClass().getSimpleName()).append('"');
        ((IxnRequest) message).fields.forEach((name, value) -> {
            String text = value.toString().replace("\\", "\\\\").replace("\"", "\\\"");
            json.append(",\"").append(name).append("\":\"").append(text).append('"');
        });
        return json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    public static Message read(byte[] body) {
        Map<?, ?> fields = (Map<?, ?>) new Json(new String(body, StandardCharsets.UTF_8)).whole();
        switch ((String) fields.get("name")) {
            case "taken":
                return new IxnAnswers.Taken(
                        (Integer) fields.get("snapshotId"), (Integer) fields.get("total"));
            case "objects":
                List<InteractionProperties> objects = new ArrayList<>();
                for (Object each : (List<?>) fields.get("interactions")) {
                    Map<?, ?> chat = (Map<?, ?>) each;
                    objects.add(new InteractionProperties(
                            chat, collection((Map<?, ?>) chat.get("UserData"))));
                }
                return new IxnAnswers.PageOfObjects(objects);
            case "lists":
                KeyValueCollection lists = new KeyValueCollection();
                for (Object each : (List<?>) fields.get("interactions")) {
                    Map<?, ?> chat = (Map<?, ?>) each;
                    lists.addList((String) chat.get("Id"), collection(chat));
                }
                return new IxnAnswers.PageOfLists(lists);
            case "error":
                return new IxnAnswers.AnError((String) fields.get("text"));
            default:
                return new IxnAnswers.Done();
        }
    }

    private static KeyValueCollection collection(Map<?, ?> fields) {
        KeyValueCollection made = new KeyValueCollection();
        fields.forEach((name, value) -> {
            if (value instanceof Map) {
                made.addList((String) name, collection((Map<?, ?>) value));
            } else if (value instanceof Integer) {
                made.addInt((String) name, (Integer) value);
            } else {
                made.addUTFString((String) name, (String) value);
            }
        });
        if (made.iterator().hasNext() && fields.containsKey("FirstName")) {
            made.addString("FirstName", "a second one, which nobody reads");
            made.addBinary("Attachment", new byte[] {1, 2});
        }
        return made;
    }
}
