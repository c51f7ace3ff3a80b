"""What each error code says, and what to do; `error.<code>` for every `errors.Code`."""

PHRASES: dict[str, tuple[str, str]] = {
    # -- Errors: one text for each code of `errors.Code`, with what to do -----------------------
    "error.bad_protocol": (
        "This port speaks JSON objects, one a line. Nothing else is understood here.",
        "Этот порт понимает объекты JSON, по одному в строке, и ничего другого.",
    ),
    "error.too_long": (
        "The object is longer than {bytes} bytes. The connection is closed; send less at once.",
        "Объект длиннее {bytes} байт. Соединение закрыто; присылайте меньше за раз.",
    ),
    "error.bad_utf8": (
        "These bytes are not UTF-8. The connection is closed.",
        "Эти байты — не UTF-8. Соединение закрыто.",
    ),
    "error.bad_json": (
        "This is not one JSON object. Check quotes, commas and brackets.",
        "Это не один объект JSON. Проверьте кавычки, запятые и скобки.",
    ),
    "error.too_deep": (
        "The object is nested deeper than {depth}.",
        "Вложенность объекта больше {depth}.",
    ),
    "error.duplicate_key": (
        "A key stands in the object twice. Send each key once.",
        "Ключ встречается в объекте дважды. Пришлите каждый ключ один раз.",
    ),
    "error.unknown_action": (
        "There is no such action. The protocol's reference lists them.",
        "Такого действия нет. Все действия перечислены в описании протокола.",
    ),
    "error.bad_field": (
        "A field is missing, unknown or of the wrong type: {detail}",
        "Поле пропущено, неизвестно или не того типа: {detail}",
    ),
    "error.bad_text": (
        "The text holds a character that may not be sent: a control character (only a message may "
        "hold new lines and tabs), or half of a surrogate pair.",
        "В тексте есть недопустимый символ: управляющий (переводы строки и табуляции может "
        "содержать только сообщение) или половина суррогатной пары.",
    ),
    "error.not_authenticated": (
        "Register under a name first.",
        "Сначала зарегистрируйтесь под именем.",
    ),
    "error.already_registered": (
        "You are registered already. Connect anew to be somebody else.",
        "Вы уже зарегистрированы. Чтобы войти под другим именем, подключитесь заново.",
    ),
    "error.name_empty": ("A name is needed.", "Нужно имя."),
    "error.name_too_long": (
        "The name is too long: at most 32 letters and 64 bytes.",
        "Имя слишком длинное: не больше 32 букв и 64 байт.",
    ),
    "error.name_bad_character": (
        "The name holds something that names may not: {detail}. Letters, digits and _ - . ' are "
        "fine, a letter or digit first.",
        "В имени недопустимое: {detail}. Годятся буквы, цифры и _ - . ', первой — буква или цифра.",
    ),
    "error.name_reserved": (
        "This name is kept for the server. Choose another.",
        "Это имя занято самим сервером. Выберите другое.",
    ),
    "error.name_taken": (
        "This name is taken. Choose another.",
        "Это имя занято. Выберите другое.",
    ),
    "error.name_confusable": (
        "This name looks like one that is taken. Choose another.",
        "Это имя выглядит как уже занятое. Выберите другое.",
    ),
    "error.wrong_password": ("The password is wrong.", "Неверный пароль."),
    "error.password_required": (
        "This name belongs to an account: its password is needed. Or choose another name.",
        "Это имя принадлежит учётной записи: нужен пароль. Или выберите другое имя.",
    ),
    "error.password_too_short": (
        "The password is too short: {characters} characters at least.",
        "Пароль слишком короткий: не меньше {characters} символов.",
    ),
    "error.password_too_long": (
        "The password is too long: {bytes} bytes at most.",
        "Пароль слишком длинный: не больше {bytes} байт.",
    ),
    "error.bad_token": (
        "This device is no longer known under this name. Register anew.",
        "Это устройство больше не известно под этим именем. Зарегистрируйтесь заново.",
    ),
    "error.too_many_devices": (
        "Too many devices are connected under this name. Close one.",
        "Под этим именем подключено слишком много устройств. Закройте одно.",
    ),
    "error.registration_timeout": (
        "Nobody registered in time. Connect again when you are ready.",
        "Никто не зарегистрировался вовремя. Подключитесь снова, когда будете готовы.",
    ),
    "error.too_many_refusals": (
        "Too many refused registrations. Connect again later.",
        "Слишком много отказов при регистрации. Подключитесь позже.",
    ),
    "error.no_such_user": (
        "There is nobody called {name}.",
        "Никого с именем {name} нет.",
    ),
    "error.no_such_room": (
        "There is no room {room}, or it is not open to you.",
        "Комнаты {room} нет, или она вам не открыта.",
    ),
    "error.not_a_member": (
        "You are not in {room}. Join it first.",
        "Вы не в комнате {room}. Сначала войдите в неё.",
    ),
    "error.room_exists": (
        "A room of this name, or of one that looks like it, exists. Join it or choose another.",
        "Комната с таким или похожим названием уже есть. Войдите в неё или выберите другое.",
    ),
    "error.common_room": (
        "Everyone is in the common room: it is neither joined nor left.",
        "В общей комнате все: в неё не входят и из неё не выходят.",
    ),
    "error.limit_reached": (
        "There may be no more of these: {detail}.",
        "Больше таких быть не может: {detail}.",
    ),
    "error.text_empty": ("There is nothing to send.", "Отправлять нечего."),
    "error.text_too_long": (
        "The text is longer than {bytes} bytes. Split it.",
        "Текст длиннее {bytes} байт. Разделите его.",
    ),
    "error.id_conflict": (
        "This id was used for another write. Each write needs an id of its own.",
        "Этот id уже использован для другой записи. Каждой записи нужен свой id.",
    ),
    "error.cursor_ahead": (
        "This place is beyond the end of the conversation.",
        "Это место дальше конца беседы.",
    ),
    "error.rate_limited": (
        "Too much at once. Go on in {seconds} s.",
        "Слишком много сразу. Продолжайте через {seconds} с.",
    ),
    "error.busy": (
        "The server is busy. Try again in a moment.",
        "Сервер занят. Повторите через мгновение.",
    ),
    "error.unavailable": (
        "The server cannot store anything right now. Nothing of this was kept; try again.",
        "Сервер сейчас не может ничего сохранить. Это не сохранено; повторите.",
    ),
    "error.too_many_connections": (
        "Too many connections. Try again later.",
        "Слишком много соединений. Попробуйте позже.",
    ),
    "error.no_answer": (
        "No answer for {seconds} s: the connection is closed. Resume from your cursors.",
        "Нет ответа {seconds} с: соединение закрыто. Продолжайте со своих курсоров.",
    ),
    "error.stalled": (
        "Nothing was taken for {seconds} s: the connection is closed. Resume from your cursors.",
        "Ничего не прочитано за {seconds} с: соединение закрыто. Продолжайте со своих курсоров.",
    ),
    "error.shutting_down": (
        "The server is stopping. Connect again soon; nothing is lost.",
        "Сервер останавливается. Подключитесь чуть позже; ничего не потеряно.",
    ),
    "error.resumed_elsewhere": (
        "This device resumed on another connection.",
        "Это устройство продолжило работу в другом соединении.",
    ),
    "error.internal": (
        "Something broke in the server. The connection is closed; nothing stored is lost.",
        "В сервере что-то сломалось. Соединение закрыто; сохранённое не потеряно.",
    ),
    "error.code_required": (
        "This server lets in who has its join code or an invitation. If you have a name with a"
        " password here, give the password.",
        "Этот сервер впускает по коду входа или приглашению. Если у вас здесь есть имя с паролем,"
        " укажите пароль.",
    ),
    "error.invitation_required": (
        "This server lets in who has an invitation. If you have a name with a password here, give"
        " the password.",
        "Этот сервер впускает по приглашению. Если у вас здесь есть имя с паролем, укажите пароль.",
    ),
    "error.bad_code": (
        "This code does not let you in: it is misspelt, used up, over, or meant for another name.",
        "Этот код не подходит: в нём опечатка, он уже использован или истёк, или он для другого"
        " имени.",
    ),
    "error.banned": (
        "You are banned{until}. {reason}",
        "Вам закрыт вход{until}. {reason}",
    ),
    "error.kicked": (
        "You were disconnected by {name}. {reason}",
        "Вас отключает {name}. {reason}",
    ),
    "error.signed_out": (
        "This device was signed out. Register again to come back.",
        "Это устройство отвязано. Чтобы вернуться, войдите заново.",
    ),
    "error.not_allowed": (
        "Your role does not allow that here.",
        "Ваша роль этого здесь не позволяет.",
    ),
    "error.muted": (
        "You may read here, but not write{until}. {reason}",
        "Здесь вы можете читать, но не писать{until}. {reason}",
    ),
    "error.frozen": (
        "For now only moderators write in {room}.",
        "Сейчас в {room} пишут только модераторы.",
    ),
    "error.slow_mode": (
        "Slow mode: write again in {seconds} s.",
        "Медленный режим: следующее сообщение через {seconds} с.",
    ),
    "error.last_owner": (
        "There must be an owner: make somebody else one first.",
        "Без владельца нельзя: сначала сделайте владельцем кого-нибудь ещё.",
    ),
    "error.no_such_message": (
        "There is no such message here.",
        "Такого сообщения здесь нет.",
    ),
    "error.no_such_device": (
        "There is no such device.",
        "Такого устройства нет.",
    ),
    "error.no_such_invitation": (
        "There is no such invitation.",
        "Такого приглашения нет.",
    ),
    "error.bad_address": (
        "{detail} is no address or range, such as 10.0.0.7 or 10.0.0.0/24.",
        "{detail} — не адрес и не диапазон вида 10.0.0.7 или 10.0.0.0/24.",
    ),
}
